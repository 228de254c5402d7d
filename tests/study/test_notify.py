"""The end of a run, posted to an address."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Tree = dict[str, Any]
Study = Callable[..., Any]


@pytest.fixture
def listener() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An address, and what was posted to it."""
    heard: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", heard
    server.shutdown()


def test_the_end_is_posted_to_an_address(
    without_ray: Study, study_tree: Tree, listener: tuple[str, list[dict[str, Any]]]
) -> None:
    address, heard = listener
    study_tree["notify"] = address
    _, folder = without_ray(study_tree).run()
    assert [(line["event"], line["ended"], line["planned"]) for line in heard] == [("done", 12, 12)]
    assert heard[0]["folder"] == str(folder)


def test_a_messenger_that_fails_harms_nothing(without_ray: Study, study_tree: Tree) -> None:
    study_tree["notify"] = "http://127.0.0.1:9/"
    assert without_ray(study_tree).run()[0] == 0
