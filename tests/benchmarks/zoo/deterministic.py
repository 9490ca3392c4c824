import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = True
