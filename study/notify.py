"""One line of JSON to an address of the user's when a run of a study has ended."""

from __future__ import annotations

import json
import os
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from study import store

VARIABLE = "EISNN_NOTIFY"
SECONDS = 10.0  # to wait for an answer; a study never waits longer for its messenger
EVENTS = {0: "done", 3: "stopped", 130: "interrupted"}  # by exit code; all else is a failure


def message(folder: Path, code: int) -> dict[str, Any]:
    """What is sent: which study, how it ended, and how far it is."""
    ending: dict[str, Any] = store.read_json(folder / "ending.json") or {}
    return {
        "study": folder.name,
        "folder": str(folder.absolute()),
        "event": "budget" if ending.get("budget") else EVENTS.get(code, "failed"),
        "exit_code": code,
        "time": store.now(),
        "ended": ending.get("ended"),
        "planned": ending.get("planned"),
        "budget": ending.get("budget"),
    }


def tell(address: str | None, folder: Path, code: int) -> None:
    """Posts the message to ``address``, or to the one in EISNN_NOTIFY.

    What goes wrong is printed, and changes nothing.
    """
    address = address or os.environ.get(VARIABLE)
    if not address:
        return
    line = json.dumps(message(folder, code)).encode() + b"\n"
    kind = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(address, line, kind, method="POST")
        with urllib.request.urlopen(request, timeout=SECONDS):
            pass
    except (OSError, ValueError, HTTPException) as error:
        print(f"notify: {address}: {error}; the study is not affected")
