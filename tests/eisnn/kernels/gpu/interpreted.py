"""The Triton kernels under Triton's interpreter, on a CPU.

Importing this decides how Triton runs in this whole process.
"""

from __future__ import annotations

import os

os.environ["TRITON_INTERPRET"] = "1"
os.environ["EISNN_KERNELS"] = "off"

import torch

from eisnn.kernels import choose
from eisnn.kernels.gpu import load

torch.set_num_threads(1)
load.register("CPU")
choose.BACKENDS["cpu"] = choose.Backend("triton", lambda: None)
