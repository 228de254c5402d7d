"""The paper's tables."""


def test_an_arm_that_never_trained_has_its_reason(kit):
    text = (kit / "main.tex").read_text()
    assert "0 of 3" in text
    assert "3 of 3 runs did not train; most often: the loss is nan after epoch 2." in text
