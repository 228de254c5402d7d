"""Tests run in two processes side by side (`make test`), each on one thread: small nets gain
nothing from more."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
