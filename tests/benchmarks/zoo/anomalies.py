import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.autograd.set_detect_anomaly(True)
