import warnings

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        warnings.simplefilter("error")
