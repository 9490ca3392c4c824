"""The program as a process: the name that started it, for messages, and its signals."""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODULE = "python -m benchmarks"
NAME = "symbench" if Path(sys.argv[0]).stem == "symbench" else MODULE


def typed(text: str) -> str:
    """Text whose commands, written `python -m benchmarks …`, start with the name that was used."""
    return text.replace(f"{MODULE} ", f"{NAME} ")


def handle_here(number: int, handler: Callable[[int, Any], Any]) -> None:
    """Handle a signal in this process, while processes that it forks end by it, as is usual.

    A pool ends its processes by SIGTERM: with an inherited handler they would live on or complain.
    The signal waits while a process is forked, as Python drops what a child receives just then.
    """

    def wait() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [number])

    def go_on() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])

    def end_by_it() -> None:
        if signal.getsignal(number) is handler:
            signal.signal(number, signal.SIG_DFL)
        go_on()

    signal.signal(number, handler)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=wait, after_in_parent=go_on, after_in_child=end_by_it)
