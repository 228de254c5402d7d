"""Small files in the format of MNIST."""

import gzip
import struct

import numpy as np


def write_idx(file, array):
    raw = (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.tobytes()
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(gzip.compress(raw) if file.suffix == ".gz" else raw)


def write_mnist(folder, suffix="", seed=0, train=200, test=50):
    random = np.random.default_rng(seed)
    for part, count in (("train", train), ("t10k", test)):
        write_idx(
            folder / f"{part}-images-idx3-ubyte{suffix}",
            random.integers(0, 256, (count, 28, 28), dtype=np.uint8),
        )
        write_idx(
            folder / f"{part}-labels-idx1-ubyte{suffix}", np.arange(count, dtype=np.uint8) % 10
        )
