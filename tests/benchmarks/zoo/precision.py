import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.set_float32_matmul_precision("medium")
