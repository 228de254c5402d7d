"""python -m reports: how the command ends."""

import signal
import subprocess
import sys
import time

from synthetic import small_study


def test_ctrl_c_while_the_report_is_made_is_130_and_one_line(tmp_path):
    """The signal comes once files are written; the next command makes the whole report."""
    folder = small_study(tmp_path / "small")
    command = [sys.executable, "-m", "reports", str(folder)]
    pipe, both = subprocess.PIPE, subprocess.STDOUT
    with subprocess.Popen(command, stdout=pipe, stderr=both, text=True) as process:
        while process.poll() is None and not (folder / "report").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert output.strip() == "interrupted; repeat the command for the whole report"
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "report/index.html").exists()
