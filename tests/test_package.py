"""What `pip install .` gives: a wheel with all that a study needs, and commands that work in any
folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def call(*words: object, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=1700,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{words}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_wheel_works_in_an_empty_folder(tmp_path: Path) -> None:
    clone, wheels, site, empty = (tmp_path / name for name in ("clone", "wheels", "site", "empty"))
    empty.mkdir()
    call("git", "clone", "--quiet", ROOT, clone, cwd=tmp_path)
    call(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        wheels,
        clone,
        cwd=tmp_path,
    )
    [wheel] = wheels.glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    for folder, pattern in (
        ("configs", "*/*.yaml"),
        ("search_spaces", "*.yaml"),
        ("eisnn", "kernels/cpu/*.cpp"),
        ("reports", "page/page.*"),
    ):
        shipped = {str(path.relative_to(clone)) for path in (clone / folder).glob(pattern)}
        assert shipped
        assert shipped <= inside
    assert not {name for name in inside if name.startswith(("tests/", "results/", "benchmarks/"))}

    call(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--target",
        site,
        wheel,
        cwd=tmp_path,
    )
    installed = {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}
    where = call(
        sys.executable, "-c", "import eisnn; print(eisnn.__file__)", cwd=empty, **installed
    )
    assert where.strip() == str(site / "eisnn" / "__init__.py")
    study = site / "bin" / "eisnn-study"
    assert "0.3.0" in call(study, "--version", cwd=empty, **installed)
    words = (
        study,
        "--space",
        "search_spaces/ei_ablation.yaml",
        "--smoke",
        "--set",
        "search.trials=2",
        "--set",
        "replicate.seeds=1",
    )
    assert "ei_ablation_smoke: 9 arms" in call(*words, "--dry-run", cwd=empty, **installed)
    call(*words, cwd=empty, **installed)
    call(site / "bin" / "eisnn-report", "results/ei_ablation_smoke", cwd=empty, **installed)
    assert (empty / "results" / "ei_ablation_smoke" / "report" / "index.html").exists()
    assert [path.name for path in empty.iterdir()] == ["results"]
