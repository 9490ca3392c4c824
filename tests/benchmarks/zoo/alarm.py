import signal

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        signal.alarm(3)
