"""What a search tries next, and whether to stop a trial early: Optuna, as our studies use it."""
