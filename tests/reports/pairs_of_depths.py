"""A study whose file names pairs of arms."""

from tests.reports.synthetic import arm, replicate, write_study


def depths(folder, seeds=6):
    """ei_2 is ahead of bn_2 by 0.01 to 0.06.

    ei_4 and bn_4 differ by -+0.01 in turn; full stands by itself.
    """
    rows = [replicate("full", 1000 + k, 0.9) for k in range(seeds)]
    for k in range(seeds):
        rows += [
            replicate("ei_2", 1000 + k, 0.8 + 0.01 * (k + 1)),
            replicate("bn_2", 1000 + k, 0.8),
        ]
        rows += [
            replicate("ei_4", 1000 + k, 0.7 + 0.01 * (-1) ** k),
            replicate("bn_4", 1000 + k, 0.7),
        ]
    arms = [
        arm("full", "reference"),
        *(arm(name, "baseline") for name in ("ei_2", "bn_2", "ei_4", "bn_4")),
    ]
    return write_study(
        folder, rows, arms, baseline="full", pairs=[["ei_2", "bn_2"], ["bn_4", "ei_4"]]
    )
