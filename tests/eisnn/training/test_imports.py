"""What a training run imports, which every worker of a study waits for."""

import subprocess
import sys


def test_training_imports_no_compiler_and_no_scikit_learn(tmp_path):
    """They take two seconds of every worker's start."""
    code = """
import sys, eisnn
config = eisnn.make_config({
    "model": {"arch": "MLP", "layers": 2, "norm": "ei", "T": 2},
    "data": {"name": "digits", "train_size": 256},
    "train": {"epochs": 1, "batch_size": 32},
})
eisnn.fit(config, checkpoint_to=sys.argv[1])
print(sorted({"torch._dynamo", "sklearn", "pandas", "torchvision"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "checkpoint.pt")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr
