import ctypes

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        print("last words", flush=True)
        ctypes.CDLL(None)._exit(7)
