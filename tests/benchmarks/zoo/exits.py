import sys

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        sys.exit("cuda is required")
