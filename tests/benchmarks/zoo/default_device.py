import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.set_default_device("meta")
