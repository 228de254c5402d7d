"""Which works a study used."""

import re

from eisnn.config.datasets import DATASETS
from reports.paper.references import data_key, entries


def test_every_work_that_is_cited_is_listed(kit):
    listed = set(re.findall(r"@\w+\{(\w+),", (kit / "references.bib").read_text()))
    texts = "".join(path.read_text() for path in kit.glob("*.tex"))
    cited = {key for found in re.findall(r"cite\{([^}]*)\}", texts) for key in found.split(",")}
    assert cited <= listed <= set(entries())


def test_every_dataset_has_its_publication():
    assert {data_key(name) for name in DATASETS} <= set(entries())
    assert data_key("my_data:load") == ""
