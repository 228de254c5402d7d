"""The GPU benchmark's dry run, with no more packages than it says it needs."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from benchmarks.gpu import distance, shown, table

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("torch", "triton", "numpy", "pydantic")
THEIRS = (  # what those need in turn
    "torchgen",
    "functorch",
    "numpy.libs",
    "pydantic_core",
    "annotated_types",
    "typing_extensions.py",
    "typing_inspection",
    "filelock",
    "jinja2",
    "markupsafe",
    "sympy",
    "mpmath",
    "networkx",
    "fsspec",
    "setuptools",
)


def bare_packages(folder: Path) -> Path:
    """A folder with links to the packages that the benchmark needs, and to no others."""
    spec = importlib.util.find_spec("torch")
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin).parents[1]
    for name in (*NEEDED, *THEIRS):
        if (installed / name).exists():
            (folder / name).symlink_to(installed / name)
    return folder


def test_the_dry_run_ends_well_with_torch_triton_numpy_and_pydantic_alone(tmp_path):
    path = os.pathsep.join([str(bare_packages(tmp_path)), str(ROOT)])
    sections = ["environment", "correctness", "waits", "steps", "data"]
    done = subprocess.run(
        [sys.executable, "-S", "-m", "benchmarks.gpu", "--fake", "--only", *sections],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "EISNN_KERNELS": "off"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert not [row for row in rows if "error" in row]
    assert list(dict.fromkeys(row["section"] for row in rows)) == sections
    assert all(row["gradients_apart"] < 1e-4 for row in rows if row["section"] == "correctness")
    assert {row["waits"] for row in rows if row["section"] == "waits"} == {"none"}
    assert "### steps" in done.stdout


def test_tables_and_distances():
    assert table([{"a": 1, "b": 0.123456}, {"a": 2}]) == (
        "| a | b |\n|---|---|\n| 1 | 0.1235 |\n| 2 |  |"
    )
    assert shown(12345.678) == "1.235e+04"
    assert distance([torch.tensor([3.0, 4.0])], [torch.tensor([0.0, 4.0])]) == 0.75
