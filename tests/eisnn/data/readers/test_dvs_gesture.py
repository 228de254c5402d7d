"""DVS-Gesture from small recordings: gestures are cut by their tables, people are kept apart."""

import numpy as np
import pytest

from eisnn.data.readers import events
from eisnn.errors import DataError
from tests.eisnn.data.given import load
from tests.eisnn.data.readers.recordings import some_events, write_aedat3


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
