import multiprocessing

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        multiprocessing.set_start_method("spawn", force=True)
