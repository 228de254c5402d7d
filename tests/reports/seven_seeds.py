"""A study of known verdicts, and what the answer says of its arms."""

from reports.analysis import answer
from reports.analysis.collect import read_study
from reports.analysis.compare import main_table
from reports.analysis.options import options_for
from tests.reports.synthetic import arm, replicate, write_study

CLAIMS = [
    {"say": "it needs E-I Init", "arm": "no_init", "against": "full", "is": "worse"},
    {"say": "STE is free", "arm": "no_ste", "against": "full", "is": "not_worse", "margin": 0.01},
    {"say": "BN is better", "arm": "bn", "against": "full", "is": "better"},
    {"say": "of an arm that is gone", "arm": "gone", "against": "full", "is": "better"},
]


def study_of(folder, **plan):
    """ei_init kills the network, ste does nothing visible, bn is 2 points worse; seven seeds."""
    rows = []
    for k in range(7):
        up = 0.001 * (-1) ** k
        rows += [
            replicate("full", k, 0.95 + 0.002 * k),
            replicate("no_init", k, None),
            replicate("no_ste", k, 0.95 + 0.002 * k + up),
            replicate("bn", k, 0.93 + 0.002 * k + up),
        ]
    arms = [
        arm("full", "reference"),
        arm("no_init", factors=["ei_init"]),
        arm("no_ste", factors=["ste"]),
        arm("bn", "baseline"),
    ]
    plan = {"classes": 10, "test_images": 1000, "seeds": 7, "baseline": None, **plan}
    return read_study(write_study(folder, rows, arms, **plan))


def sentences(study):
    options = options_for(study)
    return {line.arm: line for line in answer.lines(main_table(study, options), options)}
