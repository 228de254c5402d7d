"""Event data from small files in the formats that were published.

What is read, how it becomes frames, how it is split.
"""

import struct

import numpy as np
import pytest
import torch

from eisnn.config.trial import DataConfig
from eisnn.data import loading as data
from eisnn.data.batches import batches
from eisnn.data.readers import aedat, events
from eisnn.data.readers import cifar10_dvs as reader
from eisnn.errors import DataError


@pytest.fixture(autouse=True)
def isolated(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user-cache"))
    monkeypatch.delenv("EISNN_DATA", raising=False)
    monkeypatch.setattr(reader, "RECORDINGS", 10)


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


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


# --- reading


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


# --- frames


@pytest.mark.parametrize(("count", "T"), [(20_000, 4), (20_003, 10), (16, 16)])
def test_frames_are_spikingjellys_resized_by_torchvision(count, T):
    integrate = pytest.importorskip(
        "spikingjelly.datasets.utils"
    ).integrate_events_by_fixed_frames_number
    from torchvision.transforms.functional import resize

    recording = some_events(count)
    full = torch.from_numpy(
        integrate(dict(zip("txyp", recording, strict=True)), "number", T, 128, 128)
    )
    expected = resize(full, [48, 48], antialias=True)
    ours = torch.from_numpy(events.frames(recording, T)) * events.step(T)
    assert (ours - expected).abs().max() <= events.step(T) / 2 + 1e-5


def test_every_frame_holds_as_many_events():
    recording = some_events(64_000)
    totals = events.frames(recording, 4).sum((1, 2, 3)) * events.step(4) * (128 / 48) ** 2
    assert totals == pytest.approx([16_000] * 4, rel=0.02)


def test_fewer_events_than_frames_and_none_at_all():
    assert (events.frames(some_events(5), 8).sum((1, 2, 3)) > 0).tolist() == [True] * 5 + [
        False
    ] * 3
    assert events.frames(some_events(0), 8).sum() == 0


def test_brightness_saturates_instead_of_wrapping():
    spot = events.Events(*(np.full(100_000, value) for value in (5, 64, 64, 1)))
    image = events.frames(spot, 1)
    assert image.max() == 255
    assert image[0, 0].max() == 0  # the other polarity


# --- CIFAR10-DVS


@pytest.fixture
def cifar10_dvs(tmp_path):
    for label, name in enumerate(reader.CLASSES):
        for i in range(10):
            write_aedat2(
                tmp_path / "CIFAR10DVS" / name / f"cifar10_{name}_{i}.aedat",
                some_events(300, seed=100 * label + i),
            )
    return tmp_path


def load(name, root, T=4, **options):
    return data.load(DataConfig(name=name, root=str(root), **options), T=T)


def test_cifar10_dvs_is_split_80_10_10(cifar10_dvs):
    dataset = load("cifar10_dvs", cifar10_dvs)
    parts = (dataset.train, dataset.validation, dataset.test)
    assert [len(part) for part in parts] == [80, 10, 10]
    assert [np.bincount(part.labels).tolist() for part in parts] == [[8] * 10, [1] * 10, [1] * 10]
    assert sorted(torch.cat([part.rows for part in parts]).tolist()) == list(range(100))
    x, _ = next(batches(dataset.train, 8))
    assert (x.shape, x.dtype, dataset.input_shape) == (
        (8, 4, 2, 48, 48),
        torch.float32,
        (2, 48, 48),
    )
    expected = events.frames(
        some_events(300, seed=100 * 3 + 0), 4
    )  # the cat whose file comes first
    assert np.array_equal(dataset.train.stored[30].numpy(), expected)


def test_other_T_other_frames_each_decoded_once(cifar10_dvs, monkeypatch):
    four, ten = load("cifar10_dvs", cifar10_dvs, T=4), load("cifar10_dvs", cifar10_dvs, T=10)
    assert (four.train.images.shape[1], ten.train.images.shape[1]) == (4, 10)
    assert torch.equal(four.test.rows, ten.test.rows)
    monkeypatch.setattr(reader, "read_aedat2", None)
    assert torch.equal(load("cifar10_dvs", cifar10_dvs, T=4).test.images, four.test.images)


def test_a_missing_class_and_missing_recordings_are_named(cifar10_dvs, tmp_path):
    with pytest.raises(DataError) as error:
        load("cifar10_dvs", tmp_path / "nowhere")
    for part in (f"{tmp_path}/nowhere/CIFAR10DVS: no such folder", "figshare.com", "EISNN_DATA"):
        assert part in str(error.value)
    for file in (cifar10_dvs / "CIFAR10DVS" / "frog").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"CIFAR10DVS: no \.aedat files in frog"):
        load("cifar10_dvs", cifar10_dvs)


def test_a_truncated_recording_of_a_dataset_is_named(cifar10_dvs):
    file = cifar10_dvs / "CIFAR10DVS" / "dog" / "cifar10_dog_7.aedat"
    file.write_bytes(file.read_bytes()[:-5])
    with pytest.raises(DataError, match=r"dog/cifar10_dog_7.aedat is truncated"):
        load("cifar10_dvs", cifar10_dvs)


# --- DVS-Gesture


def write_recording(folder, user, seed):
    name = f"user{user:02d}_led"
    write_aedat3(folder / f"{name}.aedat", some_events(4000, seed=seed, end=120_000))
    rows = [
        f"{label + 1},{10_000 * (label + 1)},{10_000 * (label + 1) + 8_000}" for label in range(11)
    ]
    (folder / f"{name}_labels.csv").write_text(
        "\n".join(["class,startTime_usec,endTime_usec", *rows]) + "\n"
    )
    return f"{name}.aedat\n"


@pytest.fixture
def dvs_gesture(tmp_path):
    folder = tmp_path / "DvsGesture"
    train = [write_recording(folder, user, user) for user in range(1, 11)]
    test = [write_recording(folder, user, user) for user in (24, 25)]
    (folder / "trials_to_train.txt").write_text("".join(train) + "\n")
    (folder / "trials_to_test.txt").write_text("".join(test))
    return tmp_path


def test_gestures_are_cut_by_their_tables_and_split_by_person(dvs_gesture):
    dataset = load("dvs_gesture", dvs_gesture, T=5, validation_fraction=0.2)
    assert [len(part) for part in (dataset.train, dataset.validation, dataset.test)] == [
        8 * 11,
        2 * 11,
        2 * 11,
    ]
    assert dataset.test.labels.tolist() == list(range(11)) * 2
    people = [set((part.rows // 11).tolist()) for part in (dataset.train, dataset.validation)]
    assert (len(people[0]), len(people[1]), people[0] & people[1]) == (8, 2, set())
    whole = some_events(4000, seed=25, end=120_000)
    fourth = events.Events(*(part[(whole.t >= 40_000) & (whole.t < 48_000)] for part in whole))
    assert np.array_equal(dataset.test.images[11 + 3].numpy(), events.frames(fourth, 5))
    assert dataset.input_shape == dataset.test.images.shape[2:]


@pytest.mark.parametrize("missing", ["user03_led.aedat", "user24_led_labels.csv"])
def test_a_missing_gesture_file_is_named(dvs_gesture, missing):
    (dvs_gesture / "DvsGesture" / missing).unlink()
    with pytest.raises(DataError, match=f"not complete: {missing} is missing"):
        load("dvs_gesture", dvs_gesture)


@pytest.mark.parametrize("text", ["class,start,end\n1,10000", "class,start,end\n1,10000,soon\n"])
def test_a_broken_table_of_gestures_is_named(dvs_gesture, text):
    (dvs_gesture / "DvsGesture" / "user02_led_labels.csv").write_text(text)
    with pytest.raises(DataError, match=r"user02_led_labels.csv is truncated or corrupt"):
        load("dvs_gesture", dvs_gesture)


def test_a_gesture_after_the_end_of_its_recording_is_an_error(dvs_gesture):
    write_aedat3(dvs_gesture / "DvsGesture" / "user02_led.aedat", some_events(500, end=50_000))
    with pytest.raises(DataError, match=r"user02_led.aedat has no events from 50000 to 58000"):
        load("dvs_gesture", dvs_gesture)


def test_where_gestures_come_from_is_said(tmp_path):
    with pytest.raises(
        DataError, match=r"(?s)dvs_gesture was not found.*DVS128Gesture.*DvsGesture.tar.gz.*by hand"
    ):
        load("dvs_gesture", tmp_path / "nowhere")


# --- what is no event, and what is missing


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


def test_an_interrupted_download_is_refused_with_its_count(cifar10_dvs):
    (cifar10_dvs / "CIFAR10DVS" / "frog" / "cifar10_frog_3.aedat").unlink()
    with pytest.raises(DataError, match=r"1 of 10 classes lack recordings, such as frog.* 9 of 10"):
        load("cifar10_dvs", cifar10_dvs)


def test_the_authors_split_tests_on_the_last_of_each_class(cifar10_dvs):
    dataset = load("cifar10_dvs", cifar10_dvs, split="authors")
    assert dataset.test.rows.tolist() == list(range(9, 100, 10))
    assert sorted(torch.cat([dataset.train.rows, dataset.validation.rows]).tolist()) == [
        row for row in range(100) if row % 10 != 9
    ]
