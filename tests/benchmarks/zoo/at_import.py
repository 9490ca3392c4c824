import torch
from quiet import Quiet

torch.set_default_dtype(torch.float64)


class Method(Quiet):
    """Needs what its file sets when it is imported."""

    def disturb(self):
        assert torch.zeros(1).dtype == torch.float64
