"""A study file becomes trials; Ray runs them, Optuna proposes them, the store remembers them."""
