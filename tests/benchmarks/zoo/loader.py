import torch
from quiet import Quiet
from torch.utils.data import DataLoader


class Method(Quiet):
    def disturb(self):
        numbers = DataLoader(torch.arange(6), batch_size=3, num_workers=2)
        assert sum(int(batch.sum()) for batch in numbers) == 15
