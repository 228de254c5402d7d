"""Optuna, as our studies use it: proposes trials, and decides whether to stop one early."""
