"""The one training loop that networks share.

A network offers `loss(batch, step) -> (scalar, dict of scalars)` and holds no optimiser, device or
file. The loop keeps the data on the device, images as uint8, draws batches by index, and reads
numbers back only when it reports, so that a fast device is never made to wait. Its options (clip
gradients, compute in bfloat16 or in parts of a batch, follow schedules) are in `Optimisation`,
whose defaults are plain Adam.

A training that was killed goes on from `run.checkpoint`. On a CPU it then ends in the same weights,
bit for bit, as one that was not. There is one checkpoint to a `Run`: a method with several
trainings gives all but one of them a run without.

A network may have `adapt(scalars)`, called without a gradient after each update, with the scalars
that its loss gave; a tensor with axes among them is for `adapt` alone and is not shown. Whatever
`adapt` changes must be part of the network's state, to be in checkpoints.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from benchmarks import curve
from benchmarks.checkpoint import Checkpoint, identity
from benchmarks.device import has_bfloat16, out_of_memory_says
from benchmarks.optimisation import ADAM, Optimisation, learned, optimiser_of, schedule
from benchmarks.protocol import Deduplicated, DivergedError, Examples, Run

REPORT_EVERY = 50

Batch = dict[str, Any]


class Network(Protocol):
    """The protocol of networks that the loop trains: a `torch.nn.Module` with a loss."""

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


def to_device(examples: Mapping[str, Any], device: str) -> Batch:
    """Every column as a tensor on the device; a deduplicated column stays deduplicated."""

    def move(column: Any) -> Tensor:
        if isinstance(column, Tensor):
            return column.to(device)
        return torch.from_numpy(np.ascontiguousarray(column)).to(device)

    return {
        name: Deduplicated(move(column.table), move(column.index))
        if isinstance(column, Deduplicated)
        else move(column)
        for name, column in examples.items()
    }


def rows_of(batch: Batch, rows: Any) -> Batch:
    """The batch of some rows: the same columns, cut to `rows`."""
    return {name: column[rows] for name, column in batch.items()}


def train(
    network: Network,
    examples: Examples,
    run: Run,
    how: Optimisation = ADAM,
    name: str = "",
) -> None:
    """Minimise the network's loss for the run's budget, each epoch in a new random order.

    examples: columns of NumPy arrays, or of tensors that are on the device already. name: part of
    the purpose of this training's random streams, for runs that have several trainings. Raises
    `DivergedError` when the loss stops being a finite number, at the next report.
    """
    for _ in updates(network, examples, run, how, name):
        pass


def updates(
    network: Network,
    examples: Examples,
    run: Run,
    how: Optimisation = ADAM,
    name: str = "",
) -> Generator[int, None, None]:
    """Train as `train` does, but yield after each update how many are done, as speed cases need."""
    assert isinstance(network, torch.nn.Module)
    count, batch_size = examples.count, min(run.budget.batch_size, examples.count)
    total, stream = run.budget.total_steps(count), f" of {name}" if name else ""
    at_once = min(run.at_once or batch_size, batch_size) if how.in_parts else batch_size
    putting = f"the {count:,} training examples were put on {run.device}; use --device cpu"
    with out_of_memory_says(putting):
        data = to_device(examples, run.device)
    if how.channels_last:
        network.to(memory_format=torch.channels_last)
    optimiser, weights = optimiser_of(network, how), learned(network)
    mixed, adapt = how.mixed_precision and has_bfloat16(run.device), getattr(network, "adapt", None)
    whose = identity(network, examples, run, how) if run.checkpoint else ""
    checkpoint, order = Checkpoint(network, optimiser, run, whose), run.rng(f"batches{stream}")
    points, recent = {*curve.points(total)}, list[dict[str, Tensor]]()
    _move(weights, run, stream)
    network.train()
    with seeded(run, f"training{stream}"), out_of_memory_says(_advice(at_once, batch_size, how)):
        progress = checkpoint.resume()
        if progress.step:
            run.report(progress.step, total, progress.seen)
        while progress.step < total:
            if progress.order:
                order.bit_generator.state = json.loads(progress.order)
            # The state before the order is drawn lets a resumed training draw the same order again.
            progress.order = json.dumps(order.bit_generator.state, default=np.ndarray.tolist)
            batches = torch.from_numpy(order.permutation(count)).to(run.device).split(batch_size)
            for rows in batches[progress.batches : progress.batches + total - progress.step]:
                optimiser.zero_grad(set_to_none=True)
                loss, scalars = _gradients(network, data, rows, at_once, progress.step, mixed)
                if how.clip:
                    torch.nn.utils.clip_grad_norm_(weights, how.clip, foreach=True)
                schedule(optimiser, how, progress.step, total)
                optimiser.step()
                if adapt is not None:
                    with torch.no_grad():
                        adapt(scalars)
                progress.step, progress.seen = progress.step + 1, progress.seen + len(rows)
                progress.batches += 1
                recent.append({"loss": loss, **scalars})
                if progress.step % REPORT_EVERY == 0 or progress.step in points:
                    _report(run, progress.step, total, progress.seen, name, recent)
                    recent.clear()
                    network.train()  # a score of the learning curve may have changed it
                    checkpoint.keep(progress, ended=progress.step == total)
                yield progress.step
            progress.order, progress.batches = "", 0
    network.eval()


def _gradients(
    network: Network, data: Batch, rows: Tensor, at_once: int, step: int, mixed: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add the gradients of the mean loss over the examples at rows (B,); returns loss and scalars.

    Each part of `at_once` examples is weighted by its size, so that every mean is that of the
    batch. Each part draws noise of its own: another size of parts gives other random numbers, for
    the same expected loss.
    """
    parts, means = rows.split(at_once), dict[str, Tensor]()
    for part in parts:
        with torch.autocast(rows.device.type, torch.bfloat16, enabled=mixed):
            loss, scalars = network.loss(rows_of(data, part), step)
        loss, found = loss.float(), {name: value.detach() for name, value in scalars.items()}
        if len(parts) == 1:
            loss.backward()
            return loss.detach(), found
        share = len(part) / len(rows)
        (loss * share).backward()
        for name, value in {**found, "": loss.detach()}.items():
            means[name] = means[name] + value * share if name in means else value * share
    return means.pop(""), means


def _move(weights: list[torch.nn.Parameter], run: Run, stream: str) -> None:
    """Move the first weights a little where the run asks for it; see `Run.moved`."""
    run.moved.trainings += 1
    if not run.moved.by:
        return
    draw = torch.Generator().manual_seed(run.seed_for(f"moved weights{stream}"))
    with torch.no_grad():
        for weight in weights:
            noise = torch.randn(weight.shape, generator=draw)
            weight.mul_(1 + run.moved.by * noise.to(weight))


def _report(
    run: Run, step: int, total: int, seen: int, name: str, recent: list[dict[str, Tensor]]
) -> None:
    """Tell the run how far the training is, with the scalars that have no axes.

    recent: the scalars of the updates since the last report. Those of the last one are told, and
    the means for the learning curve.
    """
    told = {key: value.float() for key, value in recent[-1].items() if not value.dim()}
    means = {
        key: torch.stack([one[key].float() for one in recent if key in one]).mean() for key in told
    }
    # One tensor, so that a device is waited for once.
    numbers = torch.stack([*told.values(), *means.values()]).tolist()
    values = dict(zip(told, numbers[: len(told)], strict=True))
    if not np.isfinite(values["loss"]):
        where = f" ({name})" if name else ""
        raise DivergedError(
            f"the loss became {values['loss']} by step {step} of {total}{where}; "
            "lower the learning rate or look for a division by zero or a logarithm of zero."
        )
    means_since = dict(zip(means, numbers[len(told) :], strict=True))
    run.report_means(step, total, seen, values, means_since)


def _advice(at_once: int, batch_size: int, how: Optimisation) -> str:
    """The end of the message for memory that ran out in training: its cause, and the remedy."""
    what = f"{at_once} examples of a batch of {batch_size} were computed at once"
    if not how.in_parts:
        return f"{what}; give --jobs a smaller number, or use a device with more memory"
    if at_once == 1:
        return f"{what}; fewer is not possible: use a device with more memory"
    return f"{what}; give --at-once a smaller number, such as {at_once // 2}, and --retry-failed"
