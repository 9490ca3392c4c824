import sys

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        sys.path.insert(0, "/elsewhere")
        sys.argv.append("--mine")
        sys.setrecursionlimit(5000)
