import decimal
import locale

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        decimal.getcontext().prec = 3
        locale.setlocale(locale.LC_ALL, "C")
