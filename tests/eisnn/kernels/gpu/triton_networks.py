"""Run as a program by test_circuit.py: whole networks on the interpreted Triton kernels.

Without arguments: narrow networks against their readable path, one line of JSON each. With names of
golden cases: those cases against the authors' numbers.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import interpreted  # noqa: F401 - before anything else imports triton
import torch
import torch.nn.functional as F
from torch import Tensor
from triton_cases import distance

from eisnn import build_model, initialize, load_authors_state_dict
from eisnn.networks.network import Network
from tests.eisnn import golden

NETS: dict[str, dict[str, Any]] = {
    "MLP": {"arch": "MLP", "layers": 4, "width": 0.1, "T": 3, "input_shape": [1, 6, 6]},
    "VGG": {"arch": "VGG", "layers": 5, "width": 0.25, "T": 2, "input_shape": [1, 10, 12]},
    "ResNet": {"arch": "ResNet", "layers": 18, "width": 0.125, "T": 2, "input_shape": [3, 8, 8]},
    "events": {"arch": "VGG", "layers": 4, "width": 0.125, "T": 2, "input_shape": [2, 8, 8]},
}


def step(model: Network, x: Tensor) -> list[Tensor]:
    model.zero_grad()
    logits = model(x)
    F.cross_entropy(logits, torch.arange(len(x)) % 10).backward()
    return [logits.detach(), *(p.grad.clone() for p in model.parameters() if p.grad is not None)]


def narrow(name: str, norm: str) -> float:
    """The largest relative distance of logits and gradients between the kernels and the readable
    path.
    """
    model = build_model({"model": {**NETS[name], "norm": norm}}).double()
    shape = NETS[name]["input_shape"]
    frames = [NETS[name]["T"]] if name == "events" else []
    x = torch.rand(2, *frames, *shape, generator=torch.Generator().manual_seed(0)).double()
    initialize(model, x, seed=0)
    ours = step(model, x)
    for block in model.blocks():
        block.plain_because = "the readable path"
    return max(distance(a, b) for a, b in zip(ours, step(model, x), strict=True))


def authors(name: str) -> float:
    """The largest relative deviation of logits, loss and gradient norms from a golden case."""
    case = golden.record(name)
    spec = case["spec"]
    model_config = {
        "arch": spec["arch"],
        "layers": spec["num_layers"],
        "T": spec["T"],
        "classes": spec["classes"],
        "input_shape": case["input_shape"][-3:],
        "norm": "ei" if spec["type"] == "EI-SNN" else "bn",
    }
    ratio = {"circuit": {"ei_ratio": spec["ei_ratio"]}} if spec["type"] == "EI-SNN" else {}
    model = build_model({"model": model_config, **ratio}).double()
    report = load_authors_state_dict(model, golden.weights(case["keys"], case["seed"]))
    x, y = golden.inputs(case["seed"], case["input_shape"], case["spec"]["classes"])
    with torch.no_grad():
        apart = [golden.deviation(model.eval()(x), case["logits_eval"])]
    logits = model.train()(x)
    loss = F.cross_entropy(logits, y)
    loss.backward()
    apart += [golden.deviation(logits, case["logits_train"]), golden.deviation(loss, case["loss"])]
    ours = dict(model.named_parameters())
    for theirs, norm in case["grad_norm"].items():
        if theirs not in report.dropped:
            apart.append(golden.deviation(ours[report.loaded[theirs]].grad.norm(), norm))
    return max(apart)


def main(names: list[str]) -> None:
    for name in names:
        print(json.dumps({"case": name, "apart": authors(name)}), flush=True)
    if names:
        return
    for name, norm in [*((name, "ei") for name in NETS), ("VGG", "tebn")]:
        print(json.dumps({"case": f"{name} {norm}", "apart": narrow(name, norm)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
