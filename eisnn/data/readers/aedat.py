"""Recordings of event cameras in the AEDAT formats 2.0 and 3.1, of a DVS128.

Of the libraries made for them, tonic 1.7 cannot read AEDAT files (its readers unpack two of three
values); spikingjelly 2.0 reads AEDAT 3.1 event by event in Python, takes a file that ends between
two events for a shorter one, and does not look at the version or at the marks of invalid events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from eisnn.data.readers.events import SENSOR, Events
from eisnn.errors import DataError

_VERSION = re.compile(rb"#!AER-DAT(\d+(?:\.\d+)?)")
_POLARITY = 1  # the type of a packet of polarity events
_HEADER = 28  # bytes


def read_aedat2(file: Path) -> Events:
    """AEDAT 2.0: lines that start with #, then big-endian pairs of uint32, address and time.

    Bit 0 of the address is the inverse of the polarity, bits 1 to 7 are x and bits 8 to 14 y, of a
    camera that lay on its side: the stored x counts upwards from the bottom, the stored y leftwards
    from the right. Bit 15 marks a signal from outside instead of an event of a pixel; such entries
    are left out.
    """
    raw = file.read_bytes()
    start = 0
    while raw[start : start + 1] == b"#":
        start = raw.find(b"\n", start) + 1 or len(raw)
    _check_version(file, raw, "2")
    if len(raw) == start or (len(raw) - start) % 8:
        raise DataError(
            f"{file} is truncated or corrupt: {len(raw) - start} bytes of events, "
            "must be a multiple of 8 above 0"
        )
    address, t = np.frombuffer(raw, dtype=">u4", offset=start).reshape(-1, 2).T.astype(np.int64)
    of_pixels = address & 1 << 15 == 0
    address, t = address[of_pixels], t[of_pixels]
    if len(t) == 0:
        raise DataError(f"{file} is truncated or corrupt: it holds no events of pixels")
    return Events(
        t, x=127 - (address >> 8 & 127), y=127 - (address >> 1 & 127), p=1 - (address & 1)
    )


def read_aedat3(file: Path) -> Events:
    """AEDAT 3.1: lines that start with #, then packets of a header and events of a fixed size.

    Each event of a polarity packet (type 1) is two little-endian uint32, data and time: bit 0 of
    the data says that the event is valid (others are left out), bit 1 is the polarity, bits 2 to 16
    are y and bits 17 to 31 x. The header counts how often the 31 bits of the time overflowed.
    """
    raw = file.read_bytes()
    at = 0
    while raw[at : at + 1] == b"#":
        line, at = raw[at : (end := raw.find(b"\n", at) + 1 or len(raw))], end
        if line.startswith(b"#!END-HEADER"):
            break
    _check_version(file, raw, "3")
    parts: list[np.ndarray] = []
    while at < len(raw):
        packet = _packet(raw, at)
        at += _HEADER
        if packet is None or packet.ends_after(len(raw) - at):
            wanted = packet.length if packet is not None else _HEADER
            raise DataError(
                f"{file} is truncated or corrupt: {max(0, len(raw) - at)} of {wanted} bytes "
                f"of its packet at byte {at}"
            )
        if packet.kind == _POLARITY:
            pairs = np.frombuffer(raw, dtype="<u4", offset=at, count=2 * packet.events)
            data, t = pairs.reshape(-1, 2).T.astype(np.int64)
            t = t | packet.overflows << 31
            event = np.stack([t, data >> 17 & 0x7FFF, data >> 2 & 0x7FFF, data >> 1 & 1])
            parts.append(event[:, data & 1 == 1])
        at += packet.length
    if not parts or not any(part.shape[1] for part in parts):
        raise DataError(f"{file} is truncated or corrupt: it holds no events")
    events = Events(*np.concatenate(parts, axis=1))
    if max(events.x.max(initial=0), events.y.max(initial=0)) >= SENSOR:
        raise DataError(f"{file} is corrupt: it has events outside of {SENSOR}x{SENSOR} pixels")
    return events


@dataclass(frozen=True)
class _Packet:
    """The header of a packet."""

    kind: int
    size: int  # bytes of one event
    overflows: int  # of the clock
    events: int

    @property
    def length(self) -> int:
        return self.events * self.size

    def ends_after(self, available: int) -> bool:
        """Whether the packet is longer than what is left of the file, or cannot be what it says."""
        if self.events < 0 or self.size < 1 or self.length > available:
            return True
        return self.kind == _POLARITY and self.size != 8


def _packet(raw: bytes, at: int) -> _Packet | None:
    """Returns the header of the packet at byte ``at``; None if the file ends within it."""
    if at + _HEADER > len(raw):
        return None
    kind = int.from_bytes(raw[at : at + 2], "little")
    _, size, _, overflows, events = np.frombuffer(raw, dtype="<i4", offset=at, count=5).tolist()
    return _Packet(kind, size, overflows, events)


def _check_version(file: Path, raw: bytes, wanted: str) -> None:
    """Refuses a file whose first line declares another format: its bytes mean something else."""
    found = _VERSION.match(raw)
    if found is not None and found[1].split(b".")[0] != wanted.encode():
        raise DataError(
            f"{file} is of format AEDAT {found[1].decode()}, expected AEDAT {wanted}: "
            "get the recordings as their makers published them"
        )
