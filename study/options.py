"""The options of run_study.py, and which of them may be combined."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

NAMES = {"sets": "--set", "list_studies": "--list"}  # fields that are not named after their option


@dataclass(frozen=True)
class Options:
    """The command line's options; None, False or () where not given."""

    space: Path | None
    resume: Path | None
    status: Path | None
    list_studies: bool
    clean: Path | None
    yes: bool
    dry_run: bool
    sets: tuple[str, ...]
    name: str | None
    results: Path | None
    fresh: bool
    max_concurrent: int | None
    address: str | None
    smoke: bool
    reproduce: str | None
    schema: bool

    def arguments(self) -> list[str]:
        """Returns the command line that means these options."""
        words: list[str] = []
        for name, value in vars(self).items():
            option = NAMES.get(name, "--" + name.replace("_", "-"))
            if value is True:
                words.append(option)
            elif isinstance(value, tuple):
                for item in value:
                    words += [option, item]
            elif value is not None and value is not False:
                words += [option, str(value)]
        return words

    def why_impossible(self) -> str | None:
        """Returns why these options cannot be combined, or None if they can."""
        wanted = {
            "--space": self.space is not None,
            "--resume": self.resume is not None,
            "--status": self.status is not None,
            "--list": self.list_studies,
            "--clean": self.clean is not None,
            "--schema": self.schema,
        }
        actions = [option for option, given in wanted.items() if given]
        if not actions:
            return "give one of --space STUDY.yaml and --resume results/STUDY; see --help"
        if len(actions) > 1:
            return f"{actions[0]} and {actions[1]} cannot go together: give one of them"
        if self.resume is not None:
            fixed = {
                "--smoke": self.smoke,
                "--name": self.name is not None,
                "--results": self.results is not None,
            }
            for option, given in fixed.items():
                if given:
                    return (
                        f"{option} cannot be combined with --resume, which resumes a study as its "
                        "folder has it; give --space with the study file"
                    )
        if self.yes and self.clean is None:
            return "--yes can be combined with --clean only"
        trains = self.space is not None or self.resume is not None
        alone = {
            "--dry-run": self.dry_run,
            "--reproduce": self.reproduce is not None,
            "--fresh": self.fresh,
        }
        for option, given in alone.items():
            if given and not trains:
                return f"{option} needs --space or --resume"
        together = [option for option, given in alone.items() if given]
        if len(together) > 1:
            return f"{together[0]} and {together[1]} cannot go together: give one of them"
        return None
