"""diagnostics.csv of some replicates as one frame."""

import pytest

from reports.figures import diagnostics


def test_diagnostics_are_read_with_one_gradient_norm_per_layer(study):
    rows = diagnostics.read(study, study.arm_names)
    assert set(rows["arm"]) == {"full", "bn"}
    norm = rows[
        (rows["arm"] == "full")
        & (rows["layer"] == "features.0")
        & (rows["quantity"] == "grad_norm")
    ]["value"]
    assert norm.tolist() == pytest.approx([0.5] * 12)  # 3-4-5: 0.3 and 0.4
    assert not rows["quantity"].str.startswith("grad_norm/").any()


def test_a_half_written_file_gives_its_whole_lines(study):
    path = diagnostics.files(study, "full", "diagnostics.csv")[0]
    text = path.read_text()
    path.write_text(text[: len(text) // 2 - 3])
    assert len(diagnostics.read(study, ["full"])) > 0
