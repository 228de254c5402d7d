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


def test_of_a_diagnostics_file_that_is_being_written_whole_lines_count(tmp_path):
    """It is appended to, so a reader may meet any beginning of it."""
    whole = "epoch,layer,quantity,value\n0,hidden.0,rate,0.125\n10,hidden.0,rate,0.0625\n10,output,grad_norm/W_EE,3\n"  # noqa: E501
    path = tmp_path / "0123456789ab" / "diagnostics.csv"
    path.parent.mkdir()
    path.write_text(whole)
    known = set(
        diagnostics.read_file(path)[["epoch", "layer", "quantity", "value"]].itertuples(
            index=False, name=None
        )
    )
    assert len(known) == 3
    for length in range(len(whole)):
        path.write_text(whole[:length])
        frame = diagnostics.read_file(path)
        assert (
            set(frame[["epoch", "layer", "quantity", "value"]].itertuples(index=False, name=None))
            <= known
        ), whole[:length]
        assert len(frame) == min(2, max(0, whole[:length].count("\n") - 1))
