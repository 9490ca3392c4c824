"""Starts the command line, `python -m benchmarks`."""

import os
import sys


def begin() -> None:
    """Run the command line, with the working folder last in the path of modules, not first.

    A file in it that is named as a library, such as `rich.py`, then hides none.
    """
    here = os.getcwd()  # noqa: PTH109, as `pathlib` could be such a file
    if sys.path and sys.path[0] in ("", here) and not sys.flags.safe_path:
        sys.path.append(sys.path.pop(0))
    from benchmarks.cli import main

    main()


if __name__ == "__main__":
    begin()
