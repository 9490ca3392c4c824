import numpy as np
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        np.seterr(all="raise")
        np.random.seed(0)  # noqa: NPY002
