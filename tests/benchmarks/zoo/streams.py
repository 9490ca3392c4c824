import os
import sys
from pathlib import Path

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        sys.stdout = sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115
        sys.stdin = None
