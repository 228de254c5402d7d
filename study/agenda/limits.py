"""When a study must stop because its trials fail for a reason that will not go away."""

from __future__ import annotations

from collections.abc import Sequence

from study.store.disks import TROUBLES
from study.store.records import Outcome, State

SAME_ERROR = 3  # so many first trials that all fail of one reason stop the study
ENOUGH = 10  # the share of failed trials is judged from so many on


def senseless(ended: Sequence[Outcome], max_failed: float) -> str | None:
    """Returns why this run should stop, judging by its ended trials; None if it should not."""
    last = ended[-1]
    failed = [outcome for outcome in ended if outcome.state == State.FAILED]
    alike = len({outcome.reason for outcome in failed}) == 1
    if len(ended) == SAME_ERROR == len(failed) and alike:
        why = f"the first {SAME_ERROR} trials all failed with: {last.reason}\n{last.tail or ''}"
        return why.rstrip()
    for trouble in TROUBLES:
        if last.cause == trouble.cause:
            return f"{trouble.what}: {last.reason}; {trouble.advice} and repeat the command"
    if len(ended) >= ENOUGH and len(failed) > max_failed * len(ended):
        share = f"{len(failed)} of {len(ended)} trials failed"
        return f"{share}, over max_failed: {max_failed:g}; the last: {failed[-1].reason}"
    return None
