"""Records as tables, and tables as text."""
