"""The ways in which a training run can fail. Each is an outcome of a study, recorded with its
reason."""


class Diverged(RuntimeError):
    """The run cannot reach a meaningful number: a loss that is not finite, or a silent or
    saturated network."""


class SilentInput(Diverged):
    """E-I Init met a layer whose input is all zero, for which its equations give 0/0. The message
    names the layer."""


class DataError(RuntimeError):
    """A dataset is missing, truncated or corrupt. The message names the file, where it was looked
    for, and how to get it."""


class CheckpointError(RuntimeError):
    """A checkpoint is missing, damaged, not ours, or belongs to another config. The message names
    the file and what to do."""


class ConfigError(ValueError):
    """The user's input is wrong.

    ``str(error)`` has one line per problem: file, dotted key, what must hold, what was given.
    """
