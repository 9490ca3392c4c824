import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.autocast("cpu", torch.bfloat16).__enter__()
