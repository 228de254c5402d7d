"""Measuring saved weights, and exporting them."""

from __future__ import annotations

from tests.eisnn.commands import CONFIG, eisnn


def test_evaluate_measures_and_exports_and_the_export_measures_the_same(trained, tmp_path):
    folder, out = trained
    first = eisnn(
        "--evaluate", folder / "checkpoint.pt", "--export", tmp_path / "weights.safetensors"
    )
    again = eisnn("--evaluate", tmp_path / "weights.safetensors")
    assert first.returncode == again.returncode == 0, first.stderr + again.stderr
    measured = [
        line for line in first.stdout.splitlines() if line.startswith(("validation", "test"))
    ]
    assert measured == again.stdout.splitlines()[:2]
    accuracy = out.split("test accuracy ")[1].split(" (last")[0]
    assert f"test: accuracy {accuracy}" in first.stdout


def test_an_export_into_nowhere_is_refused_before_anything_is_measured(trained, tmp_path, here):
    export = tmp_path / "none" / "x.safetensors"
    code, out, err = here("--evaluate", trained[0] / "checkpoint.pt", "--export", export)
    assert (code, out, "there is no folder" in err) == (2, "", True)


def test_data_of_another_shape_than_the_network_is_refused(trained, tmp_path, here):
    other = tmp_path / "c.yaml"
    other.write_text(CONFIG.replace("width: 0.1", "width: 0.1, input_shape: [1, 9, 9]"))
    code, _, err = here("--evaluate", trained[0] / "checkpoint.pt", "--config", other)
    assert (code, len(err.splitlines()) >= 1) == (2, True)
