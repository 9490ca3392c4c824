import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.nn.Linear.__module__ = "mine"
