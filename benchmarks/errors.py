"""The errors of symbench. They import nothing, so that the command line starts at once."""


class SymbenchError(Exception):
    """A mistake that a user can mend: one line on what was wrong, what is allowed, what to do."""


class WithheldError(SymbenchError):
    """A method asked for a column that its side of the protocol never sees."""


class OutputError(SymbenchError):
    """A method's outputs are missing, have the wrong shape or hold values that are not numbers."""


class DivergedError(SymbenchError):
    """A training loss is no longer a finite number."""
