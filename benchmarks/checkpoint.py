"""Checkpoints: files from which an interrupted or killed training goes on.

A file holds the state of network and optimiser, how far the training is, its learning curve, and
the states of the random generators that it uses; an identity tells which training wrote it, a
digest whether it is whole. A file of another training, or a damaged one, costs a line of warning
and a new beginning; a file that cannot be written costs a line. Neither ever costs the training.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import tempfile
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.plain import plain
from benchmarks.protocol import Examples, Run

DIGEST_BYTES = hashlib.sha256().digest_size
# Examples that are hashed, evenly spread, to tell one training set from another.
SAMPLED_EXAMPLES = 64

_log = logging.getLogger(__name__)


@dataclass
class Progress:
    """The progress of a training: updates done, examples seen, and batches done in this epoch.

    order: the state of the generator before it drew this epoch's order, as JSON; empty between
    epochs.
    """

    step: int = 0
    seen: int = 0
    batches: int = 0
    order: str = ""


class Checkpoint:
    """The checkpoint of one training, in the file `run.checkpoint`; without one it does nothing."""

    def __init__(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, run: Run, identity: str
    ) -> None:
        self.network, self.optimiser, self.run = network, optimiser, run
        self.path, self.identity = run.checkpoint, identity
        self.began = self.written = time.monotonic()
        self.exists = False

    def resume(self) -> Progress:
        """Load the state from the file and return how far the training is; warn where it fails.

        Sets `run.earlier_seconds` to the seconds that the training took before it was interrupted.
        """
        if self.path is None or not self.path.is_file():
            return Progress()
        before = deepcopy(self._state())
        try:
            kept = _read(self.path)
            if kept["identity"] != self.identity:
                raise ValueError("it is of another training")
            progress, seconds = Progress(**kept["progress"]), float(kept["seconds"])
            reported = kept.get("curve", {})
            self._take(kept, progress.step)
        except Exception as error:  # what unpickling raises, or a state that does not fit
            self._take(before, 0)
            why = str(error).partition("\n")[0] or type(error).__name__
            _log.warning("checkpoint %s is left aside: %s; training begins anew.", self.path, why)
            return Progress()
        self.exists = True
        self.run.earlier_seconds = seconds
        self.run.curve.load_state(reported)
        return progress

    def keep(self, progress: Progress, ended: bool) -> None:
        """Write the file when it is due, and once more at the end where one was written before.

        The last one spares a repetition of the training where a later step of the cell fails, such
        as for want of memory.
        """
        now = time.monotonic()
        due = now - self.written >= self.run.checkpoint_seconds
        if self.path is None or not (due or (ended and self.exists)):
            return
        seconds = self.run.earlier_seconds + now - self.began
        whole = {
            "identity": self.identity,
            "progress": asdict(progress),
            "seconds": seconds,
            "curve": self.run.curve.state(),
        }
        try:
            _write(self.path, whole | self._state())
            self.exists = True
        except OSError as error:
            why = f"checkpoint {self.path} cannot be written ({error.strerror or error})"
            _log.warning("%s; training goes on without.", why)
        self.written = time.monotonic()

    def _state(self) -> dict[str, Any]:
        """The state of network, optimiser and torch's generators; tensors are not copied."""
        streams = {"cpu": torch.get_rng_state()}
        if self.run.device.startswith("cuda"):
            streams["cuda"] = torch.cuda.get_rng_state(self.run.device)
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "streams": streams,
        }

    def _take(self, state: dict[str, Any], step: int) -> None:
        streams: dict[str, Tensor] = state["streams"]
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(streams["cpu"])
        if not self.run.device.startswith("cuda"):
            return
        if "cuda" in streams:
            torch.cuda.set_rng_state(streams["cuda"], self.run.device)
        else:  # begun on a CPU: a new stream, as the seed of the beginning would repeat its numbers
            with torch.cuda.device(self.run.device):
                torch.cuda.manual_seed(self.run.seed_for(f"training from {step}"))


def identity(network: nn.Module, examples: Examples, run: Run, how: Any) -> str:
    """A hash that tells one training from another: network, settings, budget, seed, examples.

    how: the settings of the training loop, a dataclass.
    """
    settings = getattr(network, "settings", None)
    known = {
        "network": type(network).__qualname__,
        "settings": plain(settings) if is_dataclass(settings) else None,
        "state": {name: list(value.shape) for name, value in network.state_dict().items()},
        "how": asdict(how),
        "budget": asdict(run.budget),
        "seed": run.seed,
        "examples": examples.count,
    }
    digest = hashlib.sha256(json.dumps(known, sort_keys=True, default=str).encode())
    for name, column in sorted(examples.items()):
        some: Any = column[:: -(-examples.count // SAMPLED_EXAMPLES)]
        some = np.asarray(some.cpu() if isinstance(some, Tensor) else some)
        digest.update(f"{name} {some.dtype} {some.shape}".encode())
        digest.update(np.ascontiguousarray(some).tobytes())
    return digest.hexdigest()


def _read(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    body, digest = content[:-DIGEST_BYTES], content[-DIGEST_BYTES:]
    # The archive has checksums of its own, but torch does not look at them.
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("it is damaged")
    state: dict[str, Any] = torch.load(io.BytesIO(body), map_location="cpu", weights_only=True)
    return state


def _write(path: Path, state: dict[str, Any]) -> None:
    """Write the file so that a reader, or a crash, finds the old state or the new one."""
    buffer = io.BytesIO()  # torch has errors of its own for a disk that is full
    torch.save(state, buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".partial")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(buffer.getbuffer())
            stream.write(hashlib.sha256(buffer.getbuffer()).digest())
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
