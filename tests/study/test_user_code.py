"""Users' modules travel with a study's folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def test_a_study_goes_on_without_the_originals(
    without_ray: Callable[..., Any], study_tree: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "helper_of_mine.py").write_text("def three():\n    return 3\n")
    (tmp_path / "probe_of_mine.py").write_text(
        "from helper_of_mine import three\n\n\ndef measure(model, x):\n    return [three()]\n"
    )
    study_tree["diagnostics"] = "probe_of_mine:measure"
    code, folder = without_ray(study_tree).run()
    assert code == 0
    names = {path.name for path in (folder / "code").iterdir()}
    assert names == {"helper_of_mine.py", "probe_of_mine.py"}

    elsewhere = shutil.copytree(folder, tmp_path / "colleague" / "tiny")
    for path in tmp_path.glob("*.py"):
        path.unlink()
    command = [sys.executable, str(ROOT / "run_study.py"), "--resume", str(elsewhere), "--dry-run"]
    done = subprocess.run(
        command, cwd=tmp_path / "colleague", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"runs your code: diagnostics: probe_of_mine:measure ({elsewhere}" in done.stdout


def test_metrics_of_ours_need_no_module(
    without_ray: Callable[..., Any], study_tree: dict[str, Any]
) -> None:
    study_tree["metrics"] = {"top5": "top5_accuracy", "dark": "brightness_0.5", "long": "steps_3"}
    code, folder = without_ray(study_tree).run()
    assert code == 0
    assert not (folder / "code").exists()


def test_a_module_is_copied_in_its_own_encoding(
    without_ray: Callable[..., Any], study_tree: dict[str, Any], tmp_path: Path
) -> None:
    module = tmp_path / "latin_probe.py"
    text = "# -*- coding: latin-1 -*-\ndef measure(model, x):\n    return ['Größe']\n"
    module.write_bytes(text.encode("latin-1"))
    study_tree["diagnostics"] = "latin_probe:measure"
    code, folder = without_ray(study_tree).run()
    assert code == 0
    assert (folder / "code" / module.name).read_bytes() == module.read_bytes()
