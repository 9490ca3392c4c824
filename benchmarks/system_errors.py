"""Errors of the system, such as a full disk or a closed pipe, as lines that name the true cause."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO

# Errors that tell of a place, and not of a fault in this program.
OF_PLACES = frozenset(
    (
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        *(errno.EIO, errno.EPIPE, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EBADF),
    )
)


def line_of(error: OSError) -> str:
    """A line on an error of a place; "" where the reader of the output has gone, as `head` does.

    Any other error is raised again.
    """
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
