import os

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        os._exit(3)
