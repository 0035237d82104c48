"""Who lets a plan be run, and when."""
