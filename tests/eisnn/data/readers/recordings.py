"""Small recordings in the formats that were published."""

import struct

import numpy as np

from eisnn.data.readers import events


def some_events(count, seed=0, start=1000, end=100_000):
    random = np.random.default_rng(seed)
    x, y = random.integers(0, 128, (2, count))
    return events.Events(
        np.sort(random.integers(start, end, count)), x, y, random.integers(0, 2, count)
    )


def write_aedat2(file, recording):
    """As a DVS128 that lay on its side wrote it."""
    t, x, y, p = recording
    address = (127 - y) << 1 | (127 - x) << 8 | 1 - p
    file.parent.mkdir(parents=True, exist_ok=True)
    header = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
    file.write_bytes(header + np.stack([address, t], axis=1).astype(">u4").tobytes())


def write_aedat3(file, recording, packet=100, overflow=0):
    """Packets of polarity events, with a packet of another kind (special events) between them."""
    t, x, y, p = recording
    pairs = np.stack([x << 17 | y << 2 | p << 1 | 1, t & 0x7FFFFFFF], axis=1).astype("<u4")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        out.write(b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n")
        for first in range(0, len(pairs), packet):
            part = pairs[first : first + packet]
            out.write(
                struct.pack("<hhiiiiii", 1, 0, 8, 4, overflow, len(part), len(part), len(part))
                + part.tobytes()
            )
            out.write(
                struct.pack("<hhiiiiii", 0, 0, 8, 4, overflow, 1, 1, 1)
                + b"\x03\x00\x00\x00\x07\x00\x00\x00"
            )
