"""Material for a paper: LaTeX tables and texts, references, figures in a journal's widths."""
