import torch
from quiet import Quiet


class Method(Quiet):
    def disturb(self):
        torch.set_num_threads(torch.get_num_threads() + 3)
