"""A network small enough to count by hand."""

from eisnn import build_model


def mlp(**sections):
    """6 pixels -> 5 -> 5 -> 3 cells (MLP-4 at 1/100 of its width) -> 2 classes, T = 2.

    One inhibitory cell in each layer.
    """
    model = {
        "arch": "MLP",
        "layers": 4,
        "width": 0.01,
        "T": 2,
        "input_shape": (1, 2, 3),
        "classes": 2,
        **sections.pop("model", {}),
    }
    circuit = {"ei_ratio": [5, 5, 3, 2], **sections.pop("circuit", {})}
    return build_model({"model": model, "circuit": circuit, **sections})
