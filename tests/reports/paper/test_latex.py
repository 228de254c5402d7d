"""LaTeX from plain text."""

from reports.paper.latex import Part, label, tabular


def test_labels_are_of_the_study(kit):
    assert r"\label{tab:small-odd-main}" in (kit / "main.tex").read_text()
    assert label("A study", "main") != label("B study", "main")


def test_a_narrow_table_takes_one_column():
    narrow = tabular([Part("a", "l", ("x",)), Part("b", "r", ("1.0",))], "c", "tab:x")
    wide = tabular([Part("a" * 70, "l", ("x",))], "c", "tab:x")
    assert r"\begin{table}[t]" in narrow
    assert r"\begin{table*}[t]" in wide
