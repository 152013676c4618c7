"""Starting a job by a person's hand: `guard` decides whether it may be now, `launching` looks and waits."""
