import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.manual_seed(0)
