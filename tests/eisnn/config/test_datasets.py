"""The table of datasets: whatever it names can be read."""

from eisnn.config.datasets import DATASETS
from eisnn.data import loading, transforms


def test_every_dataset_has_its_reader_and_its_transform():
    for published in DATASETS.values():
        assert callable(loading._reader(published))
        assert published.transform is None or callable(getattr(transforms, published.transform))
