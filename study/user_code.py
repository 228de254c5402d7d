"""Copies users' own code into the study's folder, so that others can resume and reproduce it."""

from __future__ import annotations

from pathlib import Path

from eisnn.config.code_digests import sources
from eisnn.config.user_code import is_reference, references, source
from eisnn.files import write_whole
from study.plan import Plan

FOLDER = "code"


def keep(plan: Plan, folder: Path) -> None:
    """Copies the modules that the plan names, and what these import from their own folder.

    Leaves out installed packages, whose versions environment.json names.
    """
    for module in modules(plan):
        file = source(module, module)
        if "site-packages" in file.parts:
            continue
        for name, path in sources(module, file).items():
            target = folder / FOLDER / Path(*name.split("."))
            if path.name == "__init__.py":
                target /= path.name
            else:
                target = target.with_name(f"{target.name}.py")
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, path.read_bytes())  # in whatever encoding it declares


def modules(plan: Plan) -> list[str]:
    """Returns the names of the modules of users' own code that a study uses."""
    found: dict[str, None] = {}
    for arm in plan.arms:
        for reference in references(arm.tree).values():
            found[reference] = None
        for path, parameter in arm.space.items():
            if path in ("model.factory", "model.norm"):
                found |= dict.fromkeys(filter(is_reference, parameter.choices or ()))
    if is_reference(plan.spec.diagnostics):
        found[plan.spec.diagnostics] = None
    functions = [metric.function for metric in plan.spec.metrics.values()]
    found |= dict.fromkeys(filter(is_reference, functions))
    return list(dict.fromkeys(reference.partition(":")[0] for reference in found))
