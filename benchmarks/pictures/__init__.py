"""Pictures of what was learned, one file a suite, and how they get to the disk."""
