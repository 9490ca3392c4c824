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
    """
    process = os.getpid()

    def handle(received: int, frame: Any) -> None:
        if os.getpid() == process:
            handler(received, frame)
        else:
            signal.signal(received, signal.SIG_DFL)
            os.kill(os.getpid(), received)

    signal.signal(number, handle)
