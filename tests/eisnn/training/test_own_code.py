"""Users' code is tried once before a study starts."""

import pytest

from eisnn.config.trial import make_config
from eisnn.config.user_code import UserCodeError
from eisnn.training.own_code import check


@pytest.fixture(autouse=True)
def theirs(own_module):
    own_module(
        "tried_code",
        "import torch\n"
        "def net(config, shape, classes):\n"
        "    features = config.model.options['features']\n"
        "    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(features, classes))\n"
        "def loss(logits, labels, power=1):\n"
        "    return (logits - 1 / (2 - power)).square().mean()\n",
    )


def config(features=64, **train):
    model = {"factory": "tried_code:net", "options": {"features": features}}
    return make_config({"model": model, "data": {"name": "digits"}, "train": train})


def test_code_that_works_is_taken():
    check(config())
    check(config(loss="tried_code:loss"))


def test_a_network_that_cannot_take_the_datas_shape_is_named():
    message = r"factory: tried_code:net: given x \[2, 1, 8, 8\], the network raised RuntimeError"
    with pytest.raises(UserCodeError, match=message):
        check(config(features=5))


def test_a_loss_that_fails_is_named_after_one_step():
    message = r"train\.loss: tried_code:loss.* raised ZeroDivisionError: .*tried_code\.py, line 6"
    with pytest.raises(UserCodeError, match=message):
        check(config(loss="tried_code:loss", loss_options={"power": 2}))
