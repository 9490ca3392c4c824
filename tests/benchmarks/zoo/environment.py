import os

from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        os.environ["CUDA_VISIBLE_DEVICES"] = "7"
        os.environ.pop("PATH")
