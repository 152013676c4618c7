"""One file a revision, in the order of their numbers; never edited after their release."""
