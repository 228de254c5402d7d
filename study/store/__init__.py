"""What a study leaves behind in results/<study>/: files, locks, states, tables."""

from study.store.folder import *  # noqa: F403
