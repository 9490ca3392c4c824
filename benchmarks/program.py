"""The program as a process: the name that started it, for messages, and its signals."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

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


def leave(code: int) -> NoReturn:
    """End the program, without a wait for threads that a method has left."""
    main = threading.main_thread()
    if any(not one.daemon and one is not main for one in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)
    sys.exit(code)
