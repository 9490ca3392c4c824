"""Text on a terminal: how wide it is, and signs that its encoding lacks, in letters of ASCII."""

from __future__ import annotations

import codecs
import shutil
import sys
import unicodedata
from io import TextIOWrapper

# Columns where none are known, as in a pipe, and the fewest for which text is laid out.
USUAL, LEAST = 100, 40
SIGNS = {
    **{"±": "+-", "≥": ">=", "≤": "<=", "→": "->", "…": "...", "²": "^2", "×": "x", "·": "*"},
    **{"–": "-", "−": "-", "─": "-", "═": "=", "∞": "inf"},
}


def width() -> int:
    """The columns of the terminal or of the variable COLUMNS."""
    return max(LEAST, shutil.get_terminal_size((USUAL, 0)).columns)


def say(text: str, *, end: str = "\n", err: bool = False) -> None:
    """Print a text at once; err: on the error stream."""
    print(text, end=end, file=sys.stderr if err else sys.stdout, flush=True)


def write_every_sign() -> None:
    """Let both streams write any text: a sign that their encoding lacks is written in ASCII."""
    codecs.register_error("symbench.ascii", _in_ascii)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="symbench.ascii")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """The text that is written for signs which an encoding lacks, and where to go on after it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text, start = error.object, error.start
    sign, after = text[start], text[start + 1 : start + 2]
    if sign == "·" and after == " ":  # between words; without a blank it multiplies
        return "-", start + 1
    # Before a number, a sign that becomes two takes the place of the blank after it as well, so
    # that columns stay in line.
    wide = sign in "±≥≤" and after == " " and not text[start + 2 : start + 3].isalpha()
    return _letters(sign), start + 1 + wide


def _letters(sign: str) -> str:
    if sign in SIGNS:
        return SIGNS[sign]
    if unicodedata.name(sign, "").startswith("GREEK"):
        return unicodedata.name(sign).split()[-1].lower()
    return unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode() or "?"
