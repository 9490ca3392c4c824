import multiprocessing

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert pool.map(abs, [-1, -2, 3]) == [1, 2, 3]
