"""Complaints: a line on the error stream, also for errors of the system such as a full disk."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO

from benchmarks.program import typed
from benchmarks.terminal import say

# Errors that tell of a place, and not of a fault in this program.
OF_PLACES = frozenset(
    (
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        *(errno.EIO, errno.EPIPE, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EBADF),
    )
)


def complain(message: str) -> int:
    """Say what is wrong, if anything, in a line; returns the exit code, 1 where nobody reads."""
    with suppress(OSError):
        say(f"error: {typed(message)}\n" if message else "", end="", err=True)
    ensure_quiet_end(sys.stderr)
    return 2 if message else 1


def line_of(error: MemoryError | OSError) -> str:
    """A line on a lack of memory or on a place that cannot be read or written.

    "" where the reader of the output has gone, as `head` does; any other error is raised again.
    """
    if isinstance(error, MemoryError):
        less = "take less at once, such as one --config, or free some"
        return f"memory ran out ({str(error).rstrip('.')}); {less}."
    if error.errno not in OF_PLACES:
        raise error
    if error.filename:
        return f"cannot use '{error.filename}' ({error.strerror}); choose another place."
    ensure_quiet_end(sys.stdout)
    if error.errno == errno.EPIPE:
        return ""
    return f"cannot write to standard output ({error.strerror}); send it to another place."


def flush() -> None:
    """Write what standard output still holds, now, when it can be said that this fails."""
    if sys.stdout is not None:
        sys.stdout.flush()


def ensure_quiet_end(stream: TextIO | None) -> None:
    """Drop what a stream holds that cannot be written: Python would complain of it at its end."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
