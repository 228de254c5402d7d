"""What a study will take: time and disk."""
