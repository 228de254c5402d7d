"""The claims of a study file, and their judgements."""

from __future__ import annotations

import pandas as pd

from reports.analysis.claims import Judged, Judgement, claims
from reports.analysis.collect import Study
from reports.analysis.options import Options
from reports.analysis.words import show
from reports.tables.cells import difference_cell
from reports.tables.table import Cell, Field, Table, build

TONES = {Judgement.HOLDS: "better", Judgement.FAILS: "worse", Judgement.UNDECIDED: "quiet"}


def table(study: Study, options: Options) -> Table | None:
    """Returns the table; None if the study file makes no claims."""
    records = claims(study, options)
    if not records:
        return None

    def means(item: Judged) -> Cell:
        claim = item.claim
        text = f"{claim.arm} {claim.is_.replace('_', ' ')} than {claim.against}"
        if claim.is_ == "equivalent":
            text = f"{claim.arm} equivalent to {claim.against}"
        if claim.margin:
            text += f" (margin {show(claim.margin, options)})"
        return Cell(text, text)

    fields = (
        Field[Judged]("claim", lambda item: Cell(item.claim.say, item.claim.say), numeric=False),
        Field[Judged]("in numbers", means, numeric=False),
        Field[Judged]("n", lambda item: Cell(str(item.record.n), item.record.n)),
        Field[Judged]("difference", lambda item: difference_cell(item.record, options, note=False)),
        Field[Judged](
            "judgement",
            lambda item: Cell(item.judgement, item.judgement, tone=TONES[item.judgement]),
            numeric=False,
        ),
    )
    caption = (
        "Claims named in the study file (report.claims), each judged from the interval of its"
        f" difference. They belong to the page's family of {options.comparisons} comparisons:"
        " a claim holds if all of the interval agrees with the claim, fails if none of it does."
    )
    lines = [
        {
            "say": item.claim.say,
            "arm": item.claim.arm,
            "against": item.claim.against,
            "is": item.claim.is_,
            "margin": item.claim.margin,
            "n": item.record.n,
            "mean": item.record.mean,
            "low": item.record.low,
            "high": item.record.high,
            "judgement": str(item.judgement),
        }
        for item in records
    ]
    return build("claims", "Claims", caption, fields, records, pd.DataFrame(lines))
