"""What a study leaves behind in results/<study>/: records, files, locks, tables."""

from eisnn.metrics import EPOCH_METRICS, TRIAL_METRICS
from study.store.columns import EPOCH_COLUMNS, TRIAL_COLUMNS, table_text
from study.store.disks import disk_trouble
from study.store.files import (
    StoreError,
    free_bytes,
    move_aside,
    now,
    read_json,
    remove_leftovers,
    set_aside,
    set_unreadable_aside,
    unmade,
    write_json,
    write_text,
)
from study.store.frames import epochs_frame, load_plan, trials_frame
from study.store.locks import (
    PATIENCE,
    check_free,
    is_held,
    lock_study,
    lock_trial,
)
from study.store.proposals import by_proposal, spared
from study.store.records import Key, Kind, Order, Outcome, Role, State
from study.store.trials import (
    energy_of,
    finished_state,
    last_metrics,
    read_history,
    read_state,
    set_damaged_aside,
    trial_folder,
    write_history,
    write_state,
)

__all__ = [
    "EPOCH_COLUMNS",
    "EPOCH_METRICS",
    "PATIENCE",
    "TRIAL_COLUMNS",
    "TRIAL_METRICS",
    "Key",
    "Kind",
    "Order",
    "Outcome",
    "Role",
    "State",
    "StoreError",
    "by_proposal",
    "check_free",
    "disk_trouble",
    "energy_of",
    "epochs_frame",
    "finished_state",
    "free_bytes",
    "is_held",
    "last_metrics",
    "load_plan",
    "lock_study",
    "lock_trial",
    "move_aside",
    "now",
    "read_history",
    "read_json",
    "read_state",
    "remove_leftovers",
    "set_aside",
    "set_damaged_aside",
    "set_unreadable_aside",
    "spared",
    "table_text",
    "trial_folder",
    "trials_frame",
    "unmade",
    "write_history",
    "write_json",
    "write_state",
    "write_text",
]
