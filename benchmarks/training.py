"""The one training loop that networks share.

A network offers `loss(batch, step) -> (scalar, dict of scalars)` and holds no optimiser, device or
file. The loop keeps the data on the device, draws batches by index, and reads numbers back only
when it reports, so that a fast device is never made to wait.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks.protocol import Deduplicated, DivergedError, Examples, Run

REPORT_EVERY = 50

Batch = dict[str, Any]


class Network(Protocol):
    """What the loop trains: a `torch.nn.Module` with a loss."""

    def loss(self, batch: Batch, step: int) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean loss of a batch in nats, and scalars worth showing."""
        ...


@contextmanager
def seeded(run: Run, purpose: str) -> Iterator[None]:
    """Draw torch's random numbers from the run's stream for `purpose`, then restore them."""
    devices = [torch.device(run.device)] if run.device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(run.seed_for(purpose))
        yield


def to_device(examples: Examples, device: str) -> Batch:
    """Every column as a tensor on the device; a deduplicated column stays deduplicated."""

    def move(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    return {
        name: Deduplicated(move(column.table), move(column.index))
        if isinstance(column, Deduplicated)
        else move(np.asarray(column))
        for name, column in examples.items()
    }


def rows_of(batch: Batch, rows: Any) -> Batch:
    """The same columns for some rows."""
    return {name: column[rows] for name, column in batch.items()}


def train(network: Network, examples: Examples, run: Run, learning_rate: float) -> None:
    """Minimise the network's loss with Adam for the run's budget, each epoch in a new random order.

    No schedule, no weight decay, no early stopping. Raises `DivergedError` when the loss stops
    being a finite number, at the next report.
    """
    for _ in updates(network, examples, run, learning_rate):
        pass


def updates(
    network: Network, examples: Examples, run: Run, learning_rate: float
) -> Generator[int, None, None]:
    """`train`, update by update: yields how many are done. The speed cases time these."""
    assert isinstance(network, torch.nn.Module)
    count, batch_size = examples.count, min(run.budget.batch_size, examples.count)
    total = run.budget.total_steps(count)
    data = to_device(examples, run.device)
    order = run.rng("batches")
    learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimiser = torch.optim.Adam(learned, lr=learning_rate, fused=True)
    network.train()
    step = seen = 0
    with seeded(run, "training"):
        while step < total:
            permutation = torch.from_numpy(order.permutation(count)).to(run.device)
            for rows in permutation.split(batch_size)[: total - step]:
                loss, scalars = network.loss(rows_of(data, rows), step)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                step, seen = step + 1, seen + len(rows)
                if step % REPORT_EVERY == 0 or step == total:
                    _report(run, step, total, seen, loss, scalars)
                yield step
    network.eval()


def _report(
    run: Run, step: int, total: int, seen: int, loss: Tensor, scalars: dict[str, Tensor]
) -> None:
    values = {"loss": float(loss.detach())}
    values |= {name: float(value.detach()) for name, value in scalars.items()}
    if not np.isfinite(values["loss"]):
        raise DivergedError(
            f"the loss became {values['loss']} by step {step} of {total}; "
            "lower the learning rate or look for a division by zero or a logarithm of zero."
        )
    run.report(step, total, seen, **values)
