"""A single run's page."""

import pytest
from click.testing import CliRunner

from reports.__main__ import main
from reports.analysis.collect import StudyError
from reports.page.run import is_run, write_run
from tests.reports.synthetic import add_insides, history, replicate, small_study


@pytest.fixture
def run(tmp_path):
    """A folder as `python -m eisnn --log 2` leaves it."""
    study = small_study(tmp_path / "small")
    add_insides(study, "full")
    trial = next((study / "trials").iterdir())
    folder = tmp_path / "my_run"
    trial.rename(folder)
    (folder / "config.yaml").write_text("seed: 1   # <b>as given</b>\n")
    lines = history(replicate("full", 1000, 0.9))
    columns = [name for name in lines[0] if name != "id"]
    text = [",".join(columns)]
    for line in lines:
        text.append(",".join(str(line[name]) for name in columns))
    (folder / "history.csv").write_text("\n".join(text) + "\n")
    return folder


def test_curves_insides_and_distributions(run):
    done = CliRunner().invoke(main, [str(run), "--formats", "html,png"])
    assert done.exit_code == 0, done.output
    text = (run / "report/index.html").read_text()
    for name in ("curves", "diagnostics_depth", "diagnostics_epochs", "distributions"):
        assert f'id="figure-{name}"' in text
        assert (run / f"report/figures/{name}.png").exists()
    assert (run / "report/figures/distributions_animation.gif").exists()
    assert "10 epochs." in text
    assert "&lt;b&gt;as given&lt;/b&gt;" in text


def test_a_run_without_anything_to_draw_is_refused(tmp_path):
    (tmp_path / "config.yaml").write_text("seed: 1\n")
    assert is_run(tmp_path)
    with pytest.raises(StudyError, match="nothing to draw"):
        write_run(tmp_path)
