"""Arms, trials and their ids, and what differs from what is stored."""
