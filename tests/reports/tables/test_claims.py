"""The claims of a study file as a table."""

from reports.analysis.options import options_for
from reports.tables.claims import table
from tests.reports.seven_seeds import CLAIMS, study_of


def test_a_row_for_each_claim_whose_arms_are_there(tmp_path):
    study = study_of(tmp_path / "s", claims=CLAIMS)
    found = table(study, options_for(study))
    assert [row[0].text for row in found.rows] == [
        "it needs E-I Init",
        "STE is free",
        "BN is better",
    ]
    assert "not worse than full (margin 1.00)" in found.rows[1][1].text
    assert [(row[-1].text, row[-1].tone) for row in found.rows] == [
        ("holds", "better"),
        ("holds", "better"),
        ("fails", "worse"),
    ]


def test_a_study_that_claims_nothing_has_no_table(tmp_path):
    study = study_of(tmp_path / "s")
    assert table(study, options_for(study)) is None
