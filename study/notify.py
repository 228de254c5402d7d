"""Posts one line of JSON to the user's address when a run of a study has ended."""

from __future__ import annotations

import json
import os
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any

from study import store

VARIABLE = "EISNN_NOTIFY"
SECONDS = 10.0  # to wait for an answer
EVENTS = {0: "done", 3: "stopped", 130: "interrupted"}  # by exit code; any other one is "failed"


def message(folder: Path, code: int) -> dict[str, Any]:
    """Returns the message: which study, how it ended, and how far it is."""
    ending: dict[str, Any] = store.read_json(folder / "ending.json") or {}
    event = EVENTS.get(code, "failed")
    if ending.get("budget"):
        event = "budget"
    return {
        "study": folder.name,
        "folder": str(folder.absolute()),
        "event": event,
        "exit_code": code,
        "time": store.now(),
        "ended": ending.get("ended"),
        "planned": ending.get("planned"),
        "budget": ending.get("budget"),
    }


def tell(address: str | None, folder: Path, code: int) -> None:
    """Posts the message to ``address``, or to the one in EISNN_NOTIFY.

    Prints what goes wrong; the study is not affected.
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
