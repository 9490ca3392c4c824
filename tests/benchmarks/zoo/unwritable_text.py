from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        raise ValueError("bad \udcff name" + 10_000 * "x")
