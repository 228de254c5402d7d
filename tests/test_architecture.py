"""The arrows between the rooms, read from every import of every module, also those inside
functions.

run_study -> study, reports; reports -> study's store; study -> eisnn; eisnn -> torch and numpy.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("eisnn", "study", "reports")
FILES = [
    *sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py")),
    ROOT / "run_study.py",
]

# What a room may import of ours besides itself: CONTRIBUTING.md's table, as arrows. A module stands
# here by itself where it is narrower than its room. CONFIG is the part of eisnn that knows no
# torch.
CONFIG = (
    "eisnn.config",
    "eisnn.errors",
    "eisnn.metrics",
    "eisnn.files",
    "eisnn.imports",
    "eisnn.output",
)
SCIENCE = (*CONFIG, "eisnn.seeding")
NETWORK = (*SCIENCE, "eisnn.layers", "eisnn.kernels", "eisnn.networks")
EISNN = (*NETWORK, "eisnn.data", "eisnn.diagnostics", "eisnn.checkpoints", "eisnn.training")
ALLOWED = {
    "eisnn": ("eisnn",),  # __init__ hands out the public names, __main__ is the command line
    "eisnn.errors": (),
    "eisnn.metrics": (),
    "eisnn.files": (),
    "eisnn.imports": (),
    "eisnn.output": (),
    "eisnn.seeding": (),
    "eisnn.config": CONFIG,
    "eisnn.layers": SCIENCE,
    "eisnn.kernels": (*SCIENCE, "eisnn.layers"),
    "eisnn.networks": (*SCIENCE, "eisnn.layers", "eisnn.kernels"),
    "eisnn.data": SCIENCE,
    "eisnn.diagnostics": NETWORK,
    "eisnn.checkpoints": (*NETWORK, "eisnn.data"),
    "eisnn.training": EISNN,
    "eisnn.single": ("eisnn",),
    "study.errors": ("study.store",),
    "study": ("study", "eisnn"),  # session, request, reproduce and their like stand over all rooms
    "study.spec": CONFIG,
    "study.plan": ("study.spec", "eisnn"),
    "study.store": CONFIG,
    "study.search": ("study.plan", "study.spec", "study.store", *CONFIG),
    "study.forecast": ("study.errors", "study.plan", "study.spec", "study.store", "eisnn"),
    "study.agenda": (
        "study.errors",
        "study.search",
        "study.forecast",
        "study.plan",
        "study.spec",
        "study.store",
        *CONFIG,
    ),
    "study.worker": ("study.store", "eisnn"),
    "study.execution": (
        "study.errors",
        "study.agenda",
        "study.forecast",
        "study.plan",
        "study.spec",
        "study.store",
        "study.worker",
        "eisnn",
    ),
    "reports": ("reports", "study.store", *CONFIG),
    "reports.analysis": ("study.store", *CONFIG),
    "reports.tables": ("reports.analysis", "study.store", *CONFIG),
    "reports.figures": (
        "reports.analysis",
        "reports.tables",
        "study.store",
        *CONFIG,
    ),
    "run_study": ("study", "reports", *CONFIG),
}
FOREIGN = {
    "ray": ("study.execution",),
    "optuna": ("study", "reports"),
    "seaborn": ("reports",),
    "matplotlib": ("reports",),
}

# tests/ mirrors the tree: a module's test has its name. Modules that have nothing of their own to
# assert, and test files about more than one module.
WITHOUT_TESTS = {
    "eisnn.errors": "exceptions without behaviour",
    "eisnn.layers.drive": "a protocol, which mypy holds the layers to",
    "eisnn.kernels.gpu.parts": "compiled by Triton into the kernels that test_circuit runs",
    "eisnn.kernels.gpu.forward": "kernels that test_circuit runs",
    "eisnn.kernels.gpu.backward": "kernels that test_circuit runs",
    "study.agenda.job": "a record of what queue, agenda and choices hand about",
    "study.search.proposal": "a record of what draws and arm_search hand about",
}
THEMES = {
    "eisnn/test_no_waits": "no line of a step waits for the device",
    "eisnn/kernels/test_any_input": "the C++ kernels answer any input, or refuse it by name",
    "eisnn/kernels/test_counts": "bytes and launches of whole steps, by benchmarks/counts.py",
    "eisnn/kernels/test_sanitizers": "the C++ kernels under sanitizers",
    "eisnn/training/test_imports": "what a worker's start must not import",
    "study/test_crash": "whole studies killed at any moment, with real Ray",
    "study/test_damage": "every file of a study's folder, damaged in every way",
    "study/test_dashboard": "optuna-dashboard shows what trials.csv says",
    "study/test_own_questions": "whole studies of other kinds: numbers as targets, crossed levels",
    "study/execution/test_two_at_once": "two processes over one study's files",
    "reports/analysis/test_coverage": "verdicts on simulated studies whose truth is known",
    "reports/analysis/test_rules_agree": "a study stops by the rule that its report judges by",
    "reports/analysis/test_statistics_page": "docs/statistics.md says what the code does",
    "reports/page/test_browser": "the page in a real browser",
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> set[str]:
    """Absolute dotted names of all modules that the file imports; of ``from a import b`` both a and
    a.b, b may be a module."""
    package = path.relative_to(ROOT).parent.parts
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {base} | {
                f"{base}.{alias.name}" for alias in node.names if is_module(f"{base}.{alias.name}")
            }
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in (
            "import_module",
            "__import__",
        ):
            argument = node.args[0]
            if isinstance(argument, ast.JoinedStr):
                argument = argument.values[0]  # f"eisnn.{name}": something in eisnn
            if isinstance(argument, ast.Constant):
                found.add(argument.value.rstrip("."))
    return found


def is_module(dotted: str) -> bool:
    path = ROOT.joinpath(*dotted.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def parents(name: str) -> list[str]:
    """The packages around a module, the innermost first."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]


def within(name: str, rooms: tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(room + ".") for room in rooms)


def ours(names: set[str]) -> set[str]:
    """Those that are modules of this project, without the packages that merely hold another
    imported module."""
    mine = {name for name in names if within(name, (*ROOMS, "run_study"))}
    return {name for name in mine if not any(other.startswith(name + ".") for other in mine)}


def test_the_rooms_are_there():
    assert {
        "eisnn.layers.circuit",
        "eisnn.training.fit",
        "study.store.files",
        "reports.page.page",
        "run_study",
    } <= {name_of(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_arrows_run_one_way(path):
    name = name_of(path)
    room = next(room for room in (name, *parents(name)) if room in ALLOWED)
    wrong = {other for other in ours(imports(path)) if not within(other, (room, *ALLOWED[room]))}
    assert not wrong, f"{name} may import {room} and {', '.join(ALLOWED[room])}, not {wrong}"


def test_no_files_import_each_other_in_a_circle():
    """Takes away, again and again, every file that imports none of those left: a circle remains."""
    left = {name_of(path): ours(imports(path)) - {name_of(path)} for path in FILES}
    while free := [name for name, others in left.items() if not others & left.keys()]:
        for name in free:
            del left[name]
    assert not left, f"in a circle, or above one: {', '.join(sorted(left))}"


def test_no_rooms_allow_each_other():
    """The table of arrows itself has no circle, leaving out the modules that stand over all
    rooms."""
    tops = {"eisnn", "study", "reports", "run_study"}
    rooms = {room: set(others) - tops for room, others in ALLOWED.items() if room not in tops}
    while free := [room for room, others in rooms.items() if not (others - {room}) & rooms.keys()]:
        for room in free:
            del rooms[room]
    assert not rooms


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_names_are_imported_from_where_they_are_made(path):
    """Only a room's ``__init__.py`` passes names on."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            home = ROOT.joinpath(*node.module.split(".")).with_suffix(".py")
            passed_on = imported_names(home) if home.exists() else set()
            wrong = {alias.name for alias in node.names} & passed_on
            assert not wrong, f"{node.module} itself imports {', '.join(sorted(wrong))}"


def imported_names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    froms = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name for node in froms for alias in node.names}


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_libraries_stay_in_their_rooms(path):
    kept_out = tuple(
        library for library, rooms in FOREIGN.items() if not within(name_of(path), rooms)
    )
    wrong = {other for other in imports(path) if within(other, kept_out)}
    assert not wrong, f"{name_of(path)} must not import {', '.join(sorted(wrong))}"


def test_reading_a_config_does_not_load_torch():
    """The driver validates a study before it pays for torch."""
    seen, queue = (
        set(),
        ["eisnn.config.trial", "eisnn.config.yaml_file", "eisnn.errors", "eisnn.metrics", "eisnn"],
    )
    while queue:
        name = queue.pop()
        if name in seen:
            continue
        seen.add(name)
        path = ROOT.joinpath(*name.split("."))
        top = top_level_imports(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))
        assert not {other for other in top if within(other, ("torch", "numpy"))}, name
        queue += ours(top)


def top_level_imports(path: Path) -> set[str]:
    """Without those inside functions and under TYPE_CHECKING."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    found = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    return found | {
        node.module for node in body if isinstance(node, ast.ImportFrom) and node.module
    }


def test_the_reader_sees_imports_inside_functions(tmp_path, monkeypatch):
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "store.py").touch()
    file = tmp_path / "study" / "odd.py"
    file.write_text(
        "import os.path\ndef f():\n    from . import store\n    import ray.tune as t\n    from"
        " eisnn.config import x\n"
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert imports(file) == {"os.path", "study", "study.store", "ray.tune", "eisnn.config"}


def mirrored(path: Path) -> Path:
    """Where the tests of a module are."""
    name = "main" if path.stem == "__main__" else path.stem
    return ROOT / "tests" / path.parent.relative_to(ROOT) / f"test_{name}.py"


def test_every_module_has_a_test_file_of_its_name():
    modules = [path for path in FILES if path.stem != "__init__"]
    without = {name_of(path) for path in modules if not mirrored(path).exists()}
    assert without == set(WITHOUT_TESTS)


def test_every_test_file_has_the_name_of_a_module_or_a_theme():
    files = {path for room in ROOMS for path in (ROOT / "tests" / room).rglob("test_*.py")}
    stray = files - {mirrored(path) for path in FILES}
    names = {str(path.relative_to(ROOT / "tests").with_suffix("")) for path in stray}
    assert names == set(THEMES)
