"""The training loop for images: it runs for hours, keeps a device busy, and can be killed.

Beside what `benchmarks.training` does: images stay uint8 on the device, weights of convolutions lie
channels-last, a device made for bfloat16 computes in it where that is asked for, gradients are
clipped, a batch may be computed in parts, and a checkpoint lets a training that was killed go on
where it was. On a CPU it then ends in the same weights, bit for bit, as one that was not.

A network may have `adapt(scalars)`, called without a gradient after each update, with the scalars
that its loss gave; a tensor with axes among them is for `adapt` alone and is not shown. What it
changes must be in the network's state, to be in checkpoints. There is one checkpoint to a `Run`: a
method trains one network with it.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from benchmarks.checkpoint import Checkpoint, identity
from benchmarks.errors import SymbenchError
from benchmarks.optimisation import Optimisation, learned, optimiser_of, schedule
from benchmarks.protocol import Examples, Run
from benchmarks.training import REPORT_EVERY, Batch, Network, _report, rows_of, seeded, to_device


def train(network: Network, examples: Examples, run: Run, how: Optimisation) -> None:
    """Minimise the network's loss for the run's budget, each epoch in a new random order.

    Goes on from `run.checkpoint` where that is of this training. Raises `DivergedError` when the
    loss stops being a finite number, at the next report.
    """
    for _ in updates(network, examples, run, how):
        pass


def updates(
    network: Network, examples: Examples, run: Run, how: Optimisation
) -> Generator[int, None, None]:
    """`train`, update by update: yields how many are done. The speed cases time these."""
    assert isinstance(network, torch.nn.Module)
    count, batch_size = examples.count, min(run.budget.batch_size, examples.count)
    total, at_once = run.budget.total_steps(count), min(run.at_once or batch_size, batch_size)
    with room(f"the {count:,} training examples were put on {run.device}; use --device cpu"):
        data = to_device(examples, run.device)
    if any(parameter.dim() == 4 for parameter in network.parameters()):
        network.to(memory_format=torch.channels_last)
    optimiser = optimiser_of(network, how)
    mixed, adapt = (
        how.mixed_precision and has_bfloat16(run.device),
        getattr(network, "adapt", None),
    )
    whose = identity(network, examples, run, how) if run.checkpoint else ""
    checkpoint, order = Checkpoint(network, optimiser, run, whose), run.rng("batches")
    network.train()
    with seeded(run, "training"), room(_advice(at_once, batch_size)):
        place = checkpoint.resume()
        if place.step:
            run.report(place.step, total, place.seen)
        while place.step < total:
            if place.order:
                order.bit_generator.state = json.loads(place.order)
            # A training that goes on within this epoch draws its order once more.
            place.order = json.dumps(order.bit_generator.state, default=np.ndarray.tolist)
            batches = torch.from_numpy(order.permutation(count)).to(run.device).split(batch_size)
            for rows in batches[place.batches : place.batches + total - place.step]:
                optimiser.zero_grad(set_to_none=True)
                loss, scalars = _gradients(network, data, rows, at_once, place.step, mixed)
                if how.clip:
                    torch.nn.utils.clip_grad_norm_(learned(network), how.clip, foreach=True)
                schedule(optimiser, how, place.step, total)
                optimiser.step()
                if adapt is not None:
                    with torch.no_grad():
                        adapt(scalars)
                place.step, place.seen = place.step + 1, place.seen + len(rows)
                place.batches += 1
                if place.step % REPORT_EVERY == 0 or place.step == total:
                    shown = {name: value for name, value in scalars.items() if not value.dim()}
                    _report(run, place.step, total, place.seen, loss, shown)
                    checkpoint.keep(place, ended=place.step == total)
                yield place.step
            place.order, place.batches = "", 0
    network.eval()


def has_bfloat16(device: str) -> bool:
    """Whether the device multiplies in bfloat16 itself: CUDA since Ampere, x86 since Cooper Lake.

    Where it does not, torch would imitate it, slower than single precision.
    """
    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device)[0] >= 8
    # Older versions of torch don't say what a CPU can do.
    tells = getattr(torch.cpu, "get_capabilities", None)
    has = tells() if tells and device == "cpu" else {}
    return bool(has.get("avx512_bf16") or has.get("amx_bf16"))


def _gradients(
    network: Network, data: Batch, rows: Tensor, at_once: int, step: int, mixed: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """Add the gradients of the mean loss over the examples at rows (B,); that loss, and scalars.

    A part of `at_once` examples counts by its size, so that every mean is that of the batch. Each
    part draws noise of its own: other parts give other random numbers, for the same expected loss.
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


def _advice(at_once: int, batch_size: int) -> str:
    what = f"{at_once} examples of a batch of {batch_size} were computed at once"
    if at_once == 1:
        return f"{what}; fewer is not possible: use a device with more memory"
    return f"{what}; give --at-once a smaller number, such as {at_once // 2}, and --retry-failed"


@contextmanager
def room(what: str) -> Iterator[None]:
    """Turn the many ways to say that memory has run out into one line."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        said = str(error).lower()
        # Of the CPU's allocator on Linux and on Windows, of CUDA, and of its libraries.
        signs = ("can't allocate memory", "not enough memory", "out of memory", "alloc_failed")
        known = isinstance(error, torch.cuda.OutOfMemoryError | MemoryError)
        if not known and not any(sign in said for sign in signs):
            raise
        raise SymbenchError(f"memory ran out when {what}.") from error
