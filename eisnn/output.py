"""Standard output and error that never decide how a run ends.

If the reader has gone away (a closed pipe or terminal), the disk is full, the stream is closed, or
its encoding lacks our letters, text is lost and nothing else happens.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any

STREAMS = {"stdout": 1, "stderr": 2}
# After these, writing may succeed again; after any other error, it will not.
PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EAGAIN, errno.EINTR)


class Forgiving:
    """A text stream whose writing never raises; everything else is the stream's own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:  # a stream that could not be reconfigured
            plain = text.encode("ascii", "backslashreplace").decode("ascii")
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(plain)
        except OSError as error:
            self._lost(error)
        except ValueError:
            pass  # closed
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as error:
            self._lost(error)
        except ValueError:
            pass  # closed

    def finish(self) -> None:
        """Flushes for the last time, so that Python's own flush at its end cannot fail."""
        try:
            self._stream.flush()
        except OSError:
            _to_null(self._stream)
        except ValueError:
            pass  # closed

    def _lost(self, error: OSError) -> None:
        if error.errno not in PASSING:
            _to_null(self._stream)


@contextlib.contextmanager
def forgiving() -> Iterator[None]:
    """Makes standard output and error forgiving until the end of the block."""
    before = {name: getattr(sys, name) for name in STREAMS}
    for name, number in STREAMS.items():
        if before[name] is None:
            _open_null(number)
            setattr(sys, name, _null_stream())
        else:
            setattr(sys, name, Forgiving(before[name]))
    try:
        yield
    finally:
        for name, stream in before.items():
            ours = getattr(sys, name)
            if isinstance(ours, Forgiving):
                ours.finish()
            if stream is not None:
                setattr(sys, name, stream)


def _to_null(stream: Any) -> None:
    """Redirects the stream's descriptor to the null device, whoever writes to it."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(null, stream.fileno())
        finally:
            os.close(null)
        stream.flush()


def _null_stream() -> Any:
    """Returns a stream to the null device, which stays open until the process ends."""
    return open(os.devnull, "w", encoding="utf-8", errors="backslashreplace")


def _open_null(number: int) -> None:
    """Opens a closed descriptor on the null device, or the next opened file would take it."""
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_WRONLY)
        if null != number:
            os.dup2(null, number)
            os.close(null)
