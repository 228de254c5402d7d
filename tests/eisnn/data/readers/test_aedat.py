"""Recordings: what is read as it was written, and what is refused by name."""

import numpy as np
import pytest

from eisnn.data.readers import aedat, events
from eisnn.errors import DataError
from tests.eisnn.data.readers.recordings import some_events, write_aedat2, write_aedat3


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_aedat2_is_read_as_written_and_as_spikingjelly_reads_it(tmp_path):
    recording = some_events(1000)
    write_aedat2(tmp_path / "a.aedat", recording)
    assert same(aedat.read_aedat2(tmp_path / "a.aedat"), recording)
    reference = pytest.importorskip("spikingjelly.datasets.cifar10_dvs")._load_origin_data(
        tmp_path / "a.aedat"
    )
    assert same(recording, (reference[key] for key in "txyp"))


@pytest.mark.parametrize("overflow", [0, 2])
def test_aedat3_is_read_as_written_and_as_spikingjelly_reads_it(tmp_path, overflow):
    recording = some_events(1050)
    write_aedat3(tmp_path / "a.aedat", recording, overflow=overflow)
    expected = recording._replace(t=recording.t + (overflow << 31))
    assert same(aedat.read_aedat3(tmp_path / "a.aedat"), expected)
    reference = pytest.importorskip("spikingjelly.datasets.utils").load_aedat_v3(
        tmp_path / "a.aedat"
    )
    assert same(expected, (reference[key] for key in "txyp"))


@pytest.mark.parametrize(
    ("write", "read"), [(write_aedat2, aedat.read_aedat2), (write_aedat3, aedat.read_aedat3)]
)
@pytest.mark.parametrize("cut", [3, 20, 8190, 8500, 100_000])
def test_a_truncated_recording_is_named(tmp_path, write, read, cut):
    file = tmp_path / "cut.aedat"
    write(file, some_events(1050))
    raw = file.read_bytes()
    file.write_bytes(raw[: max(0, len(raw) - cut)])
    with pytest.raises(DataError, match=f"{file} is truncated or corrupt"):
        read(file)


def test_events_outside_of_the_sensor_are_refused(tmp_path):
    write_aedat3(tmp_path / "a.aedat", some_events(10)._replace(x=np.full(10, 128)))
    with pytest.raises(
        DataError, match=r"a.aedat is corrupt: it has events outside of 128x128 pixels"
    ):
        aedat.read_aedat3(tmp_path / "a.aedat")


def test_events_that_are_marked_invalid_are_left_out(tmp_path):
    recording = some_events(100)
    write_aedat3(tmp_path / "a.aedat", recording, packet=100)
    raw = bytearray((tmp_path / "a.aedat").read_bytes())
    first = raw.index(b"#!END-HEADER\r\n") + len(b"#!END-HEADER\r\n") + 28
    raw[first] &= 0xFE  # the validity mark of the first event
    (tmp_path / "a.aedat").write_bytes(bytes(raw))
    expected = events.Events(*(part[1:] for part in recording))
    assert same(aedat.read_aedat3(tmp_path / "a.aedat"), expected)


def test_signals_from_outside_are_no_events_of_pixels(tmp_path):
    recording = some_events(100)
    write_aedat2(tmp_path / "a.aedat", recording)
    raw = (tmp_path / "a.aedat").read_bytes()
    signal = np.array([[1 << 15, 200_000]], dtype=">u4").tobytes()
    (tmp_path / "a.aedat").write_bytes(raw + signal)
    assert same(aedat.read_aedat2(tmp_path / "a.aedat"), recording)


@pytest.mark.parametrize(
    ("write", "read", "found"),
    [
        (write_aedat2, aedat.read_aedat3, "AEDAT 2.0, expected AEDAT 3"),
        (write_aedat3, aedat.read_aedat2, "AEDAT 3.1, expected AEDAT 2"),
    ],
)
def test_a_recording_of_another_format_is_named(tmp_path, write, read, found):
    write(tmp_path / "a.aedat", some_events(10))
    with pytest.raises(DataError, match=found):
        read(tmp_path / "a.aedat")
