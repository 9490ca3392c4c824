"""The one exception that a user of the datasets meets."""


class DataError(ValueError):
    """A mistake that a user can mend: one line, what was wrong, what was allowed, what to do."""
