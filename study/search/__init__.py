"""What a search tries next, and whether to stop a trial early: Optuna's storage, samplers and pruners."""
