"""The loop: what it does to gradients, and what can go wrong in it."""

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import training
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, DivergedError, Examples, Run, SymbenchError
from benchmarks.training import train

BATCH, STEPS = 16, 24
HOW = Optimisation(learning_rate=1e-3, in_parts=True)


@pytest.fixture(autouse=True)
def _reports(monkeypatch):
    """Reports, and with them checkpoints, every 10 updates."""
    monkeypatch.setattr(training, "REPORT_EVERY", 10)


def a_run(path=None, steps=STEPS, **changes):
    budget = Budget(steps=steps, batch_size=BATCH)
    return Run(3, budget, checkpoint=path, checkpoint_seconds=0.0, **changes)


class Slope(nn.Module):
    """A loss whose gradient is (3, 4) for two weights that start at zero."""

    def __init__(self, scale=1.0):
        super().__init__()
        self.weight, self.scale = nn.Parameter(torch.zeros(2)), scale

    def loss(self, batch, step):
        return (self.weight * self.scale * torch.tensor([3.0, 4.0])).sum(), {}

    def adapt(self, scalars):
        self.norm = self.weight.grad.norm()


ONE = Examples({"x": np.zeros(1, np.float32)})


@pytest.mark.parametrize(("clip", "norm"), [(0.0, 5.0), (1.0, 1.0), (7.0, 5.0)])
def test_gradients_are_clipped_by_their_norm(clip, norm):
    network = Slope()
    train(network, ONE, a_run(steps=1), Optimisation(clip=clip))
    assert network.norm == pytest.approx(norm)


def test_each_optimiser_takes_its_first_step():
    # Adam: the learning rate. RMSprop, whose mean of squares starts at zero: over √0.01 of that.
    for optimiser, step in (("adam", 0.001), ("rmsprop", 0.01)):
        network = Slope()
        train(network, ONE, a_run(steps=1), Optimisation(optimiser, 1e-3))
        assert torch.allclose(network.weight, torch.tensor([-step, -step]), rtol=1e-4)


def test_a_loss_that_is_no_number_is_a_line_and_leaves_no_checkpoint_of_it(tmp_path):
    path = tmp_path / "key.pt"
    with pytest.raises(DivergedError, match=r"^the loss became nan by step 10 of 24; lower the"):
        train(Slope(float("nan")), ONE, a_run(path), HOW)
    assert not path.exists()


class Hungry(Slope):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def loss(self, batch, step):
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError("Unable to allocate 9 GiB"),
    ],
    ids=lambda error: str(error)[:12],
)
def test_memory_that_runs_out_is_a_line_that_says_what_to_lower(error):
    data = Examples({"x": np.zeros(100, np.float32)})
    expected = (
        "memory ran out when {} examples of a batch of 16 were computed at once; "
        "give --at-once a smaller number, such as {}, and --retry-failed."
    )
    for at_once, lower in ((None, 8), (6, 3)):
        with pytest.raises(SymbenchError) as caught:
            train(Hungry(error), data, a_run(at_once=at_once), HOW)
        assert str(caught.value) == expected.format(at_once or 16, lower)
    with pytest.raises(SymbenchError, match="at once; fewer is not possible: use a device with"):
        train(Hungry(error), data, a_run(at_once=1), HOW)
    with pytest.raises(SymbenchError, match=r"16 examples .* at once; give --jobs a smaller"):
        train(Hungry(error), data, a_run(at_once=6))


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        train(Hungry(RuntimeError("mat1 and mat2 shapes cannot be multiplied")), ONE, a_run(), HOW)


def test_a_training_set_too_large_for_the_device_is_a_line(monkeypatch):
    def full(*given):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(training, "to_device", full)
    with pytest.raises(SymbenchError, match="when the 1 training examples were put on cpu; use"):
        train(Slope(), ONE, a_run(), HOW)
