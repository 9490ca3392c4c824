"""The progress of a training in words, and the line that a `Run` without a reporter shows."""

from __future__ import annotations

import os
import sys
import time
from shutil import get_terminal_size

# Seconds between two lines in a terminal, where each takes the place of the last, and in a log.
TERMINAL_SECONDS, LOG_SECONDS = 0.2, 30.0


def described(step: float, of: float, **scalars: float) -> str:
    """How far a training is: `step 50/1000  loss 0.12`."""
    notes = [f"step {step:.0f}/{of:.0f}"]
    notes += [
        f"{name} {100 * value:.0f} %" if name == "accuracy" else f"{name} {value:.3g}"
        for name, value in scalars.items()
    ]
    return "  ".join(notes)


class ProgressLine:
    """A reporter that writes to the error stream.

    In a terminal it is one line, which is removed at the end; elsewhere a line every half minute,
    and so none for a short training.
    """

    def __init__(self) -> None:
        self.began = self.last = time.monotonic()

    def __call__(self, step: float, of: float, **scalars: float) -> None:
        """Hear how far a training is; see `Run.report`."""
        stream, now = sys.stderr, time.monotonic()
        if stream is None:
            return
        terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        width = get_terminal_size().columns - 1
        if terminal and step >= of:
            stream.write("\r" + " " * width + "\r")
        elif now - self.last >= (TERMINAL_SECONDS if terminal else LOG_SECONDS):
            self.last = now
            line = f"{now - self.began:.0f} s  {described(step, of, **scalars)}"
            stream.write("\r" + line[:width].ljust(width) if terminal else f"{line}\n")
        else:
            return
        stream.flush()
