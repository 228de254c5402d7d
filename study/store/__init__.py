"""What a study leaves behind in results/<study>/: files, locks, states, tables."""

from study.store.folder import *  # noqa: F403
from study.store.records import Key, Kind, Order, Outcome, Role, State  # noqa: F401
