"""A study that searched, in which only the learning rate matters."""

import math

import numpy as np

from reports.analysis.collect import read_study
from tests.reports.synthetic import PARAMETERS, arm, replicate, search, write_study


def searched_study(tmp_path, **plan):
    """A search in which only the learning rate matters (best at 0.01).

    The best trial is at the upper end of the gain's range.
    """
    rng = np.random.default_rng(0)
    rows = []
    for number in range(30):
        rate, ratio = 10 ** rng.uniform(-3, -1), rng.choice([2, 4, 8])
        value = 0.9 - 0.1 * (math.log10(rate) + 2) ** 2
        rows.append(
            search(
                "full",
                number,
                value,
                **{
                    "train.learning_rate": rate,
                    "circuit.ei_ratio": ratio,
                    "circuit.init.gain": 3.9,
                },
            )
        )
    rows[-1] |= {"val/accuracy": 0.95, "train.learning_rate": 0.01}
    rows[3]["circuit.init.gain"] = 1.0
    rows += [
        search("full", 30, None),
        {**search("full", 31, 0.99), "state": "pruned"},
        {**search("full", 32, 0.99), "state": "running"},
    ]
    rows += [replicate("full", seed, 0.92) for seed in (1, 2)]
    parameters = {
        key: PARAMETERS[key]
        for key in ("circuit.init.gain", "circuit.ei_ratio", "train.learning_rate")
    }
    return read_study(
        write_study(
            tmp_path / "s", rows, [arm("full", "reference")], **{"parameters": parameters, **plan}
        )
    )
