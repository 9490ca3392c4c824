"""The name by which the command line was started, for messages that say what to type next."""

import sys
from pathlib import Path

MODULE = "python -m benchmarks"
NAME = "symbench" if Path(sys.argv[0]).stem == "symbench" else MODULE


def typed(text: str) -> str:
    """Text whose commands, written `python -m benchmarks …`, start with the name that was used."""
    return text.replace(f"{MODULE} ", f"{NAME} ")
