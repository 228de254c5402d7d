"""What is to be trained next, what came of it, and when to stop."""
