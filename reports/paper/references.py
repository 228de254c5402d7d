"""The works that a study used, as keys of references.bib."""

from __future__ import annotations

import re
from pathlib import Path

from eisnn.config.datasets import DATASETS
from reports.analysis.collect import Study

FILE = Path(__file__).with_name("references.bib")
ALWAYS = ("liu2026training", "pytorch", "raytune")


def cite(key: str) -> str:
    """Returns a citation, or an empty text if there is no key."""
    return f"~\\cite{{{key}}}" if key else ""


def data_key(name: str) -> str:
    """Returns the key of a dataset's publication; an empty text for the user's own dataset."""
    return DATASETS[name].cite if name in DATASETS else ""


def sampler_key(name: str) -> str:
    return "tpe" if name == "tpe" else ""


def used(study: Study) -> list[str]:
    """Returns the keys of the works that the study used, in a fixed order."""
    keys = [*ALWAYS]
    search = study.plan.get("search") or {}
    if search:
        keys += ["optuna", "pedanova", sampler_key(search.get("sampler", ""))]
        keys.append((search.get("pruner") or {}).get("type", ""))
    keys.append(data_key(str((study.plan.get("data") or {}).get("name", ""))))
    if study.plan.get("correction") == "holm":
        keys.append("holm")
    if "factorial" in (study.plan.get("design") or ()):
        keys.append("shapley")
    keys.append("horowitz")
    known = entries()
    return [key for key in dict.fromkeys(keys) if key in known]


def entries() -> dict[str, str]:
    """Returns the text of each entry of references.bib, by its key."""
    found = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        match = re.match(r"@\w+\{(\w+),", line)
        if match:
            found[match.group(1)] = line
    return found


def bibliography(study: Study) -> str:
    """Returns a .bib file of the works that the study used."""
    known = entries()
    return "\n".join(known[key] for key in used(study)) + "\n"
