"""Compiles the Triton kernels for GPUs that are not there, and reads registers and spills from the
machine code.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from eisnn.kernels.gpu import backward, circuit, forward, sizes

TOOL = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
ARCHITECTURES = (80, 86, 89, 90, 100, 120)
KERNELS: dict[str, Any] = {
    "extremes": forward.extremes,
    "forward": forward.forward,
    "cells": backward.cells,
    "weights": backward.weights,
    "finish": backward.finish,
    "currents": backward.currents,
}
COUNTS = ("T", "B", "N", "P", "width", "n_E", "n_I", "tiles", "tiles_each", "splits")
WHOLE = ("P", "width", "n_E", "n_I")  # multiples of 16 in the networks of the paper
DEFAULT = {
    "CIRCUIT": True, "SHARED": False, "POOL": True, "RESIDUAL": False, "RECTIFY": False,
    "SUB": True, "DIV": True, "STABILISER": 0, "SOFT": True, "SURROGATE": 0, "DETACH_RESET": True,
    "DETACH": False, "PRECISION": "tf32x3", "SAMPLES": 1, "BM": sizes.BM, "BN": sizes.BN,
    "BK": sizes.BK,
    "KO": sizes.MAX_KO,
}  # fmt: skip

POOLED = {"BM": sizes.POOLED_BM}
# The option that a variant is about comes first; sizes that go with it follow.
VARIANTS: list[dict[str, Any]] = [
    {"SHARED": True},
    {"RECTIFY": True},
    {"RESIDUAL": True},
    {"POOL": False},
    {"POOL": False, "RESIDUAL": True},
    {"SOFT": False},
    {"SURROGATE": 1, "DETACH_RESET": False},
    {"STABILISER": 1},
    {"DETACH": True, "BN": sizes.DETACHED_BN},
    {"CIRCUIT": False},
    {"BN": 16, "KO": 16},
]


def variants_of(kernel: str) -> list[dict[str, Any]]:
    """The variants that change this kernel: it has the option that the variant is about."""
    return [changed for changed in VARIANTS if next(iter(changed)) in KERNELS[kernel].arg_names]


@dataclass(frozen=True)
class Usage:
    kernel: str
    architecture: int
    registers: int
    stack: int  # bytes a thread; more than 0 where registers spill
    shared: int  # bytes a program

    def __str__(self) -> str:
        return (
            f"{self.kernel:9s} sm_{self.architecture:<3d} registers {self.registers:3d} "
            f"stack {self.stack} shared {self.shared}"
        )


def usage(name: str, architecture: int, dtype: str = "fp32", **changed: Any) -> Usage:
    """Compiles one kernel with the default options, but for those in ``changed``."""
    kernel = KERNELS[name]
    options = {**DEFAULT, **changed}
    signature, constants, attributes = {}, {}, {}
    for index, argument in enumerate(kernel.arg_names):
        if argument in options:
            signature[argument], constants[argument] = "constexpr", options[argument]
            continue
        signature[argument] = "i32" if argument in COUNTS else f"*{dtype}"
        if argument in WHOLE or argument not in COUNTS:
            attributes[(index,)] = [["tt.divisibility", 16]]
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes)
    target = GPUTarget("cuda", architecture, 32)
    compiled = triton.compile(source, target=target, options={"num_warps": circuit.WARPS})
    with tempfile.NamedTemporaryFile(suffix=".cubin") as binary:
        Path(binary.name).write_bytes(compiled.asm["cubin"])
        command = [str(TOOL), "--dump-resource-usage", binary.name]
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"REG:(\d+) STACK:(\d+)", text)
    assert found is not None, text
    registers, stack = map(int, found.groups())
    return Usage(name, architecture, registers, stack, compiled.metadata.shared)


if __name__ == "__main__":
    for architecture in ARCHITECTURES:
        for name in KERNELS:
            print(usage(name, architecture), flush=True)
