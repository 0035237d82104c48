"""Events of a run, handed to somebody else's log while they happen: read from the journal, never from the run."""
