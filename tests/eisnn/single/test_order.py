"""Which run a checkpoint goes on with."""

from __future__ import annotations

from pathlib import Path

from eisnn.config.trial import trial_id
from eisnn.single.order import new_order
from tests.eisnn.commands import measured_line


def test_resume_reads_the_file_that_is_named_and_needs_nothing_beside_it(trained, tmp_path, here):
    kept = tmp_path / "kept.pt"
    kept.write_bytes((trained[0] / "checkpoint.pt").read_bytes())
    code, out, _ = here("--resume", kept)
    assert code == 0
    assert measured_line(out) == measured_line(trained[1])
    assert not (tmp_path / "checkpoint.pt").exists()
    code, _, err = here("--resume", tmp_path / "no.pt")
    assert (code, "no.pt: there is no such checkpoint" in err) == (2, True)
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"kept.pt", "config.yaml", "history.csv", "environment.json"}


def test_a_new_run_lies_in_a_folder_of_its_trial(config):
    order = new_order(str(config), None, 5, "cpu", 0)
    assert order.config.seed == 5
    folder = Path("results/single") / f"Digits-MLP4-{trial_id(order.config)}"
    assert (order.folder, order.checkpoint) == (folder, folder / "checkpoint.pt")
    assert new_order(str(config), "elsewhere", 5, "cpu", 0).folder == Path("elsewhere")
