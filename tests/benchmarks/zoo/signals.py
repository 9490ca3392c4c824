import signal

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
