import time

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        time.sleep(1000)
