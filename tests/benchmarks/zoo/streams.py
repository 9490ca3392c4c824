import os
import sys

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        sys.stdin = None
