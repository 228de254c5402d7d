"""A dataset before it is split."""

import numpy as np

from eisnn.data.source import Source, source_from

IMAGES = np.zeros((3, 1, 2, 2), dtype=np.uint8)


def test_a_network_needs_an_output_for_each_class_of_either_part():
    labels, test_labels = np.array([0, 1, 0]), np.array([4, 0])
    assert Source(IMAGES, labels).outputs == 2
    assert Source(IMAGES, labels, test_images=IMAGES[:2], test_labels=test_labels).outputs == 5


def test_a_network_needs_an_output_for_each_number_of_a_target():
    assert Source(IMAGES, np.zeros(3, dtype=np.float32)).outputs == 1
    assert Source(IMAGES, np.zeros((3, 4), dtype=np.float32)).outputs == 4


def test_what_a_cache_holds_becomes_a_source_and_images_are_not_copied():
    arrays = {"images": IMAGES, "labels": np.array([2, 0, 1], dtype=np.uint8)}
    source = source_from(arrays, test_fraction=0.5)
    assert source.images is IMAGES
    assert (source.labels.tolist(), source.labels.dtype) == ([2, 0, 1], np.int64)
    assert (source.scale, source.test_fraction) == (1 / 255, 0.5)
    assert (source.test_images, source.test_labels, source.users) == (None, None, None)
