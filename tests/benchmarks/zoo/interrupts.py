from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        raise KeyboardInterrupt
