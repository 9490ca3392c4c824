import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.set_default_dtype(torch.float64)
