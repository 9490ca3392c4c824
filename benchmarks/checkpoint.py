"""What a long training leaves on the disk, to go on from after it was interrupted or killed.

A file holds the state of network and optimiser, where the training stands, and the random streams
that it draws from; an identity tells whose it is, a digest whether it is whole. A file that is not
of this training, or damaged, costs a line and a new beginning, and one that cannot be written costs
a line: never the training.
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

from benchmarks.protocol import Examples, Run

DIGEST_BYTES = hashlib.sha256().digest_size
# So many examples tell a training set from others, about.
SAMPLED_EXAMPLES = 64

_log = logging.getLogger(__name__)


@dataclass
class Progress:
    """Where a training stands: updates done, examples seen, and batches done of this epoch.

    order: the state of the generator from which this epoch's order is drawn, as JSON; empty between
    epochs.
    """

    step: int = 0
    seen: int = 0
    batches: int = 0
    order: str = ""


class Checkpoint:
    """The file `run.checkpoint` of one training; none where that is None."""

    def __init__(
        self, network: nn.Module, optimiser: torch.optim.Optimizer, run: Run, identity: str
    ) -> None:
        self.network, self.optimiser, self.run = network, optimiser, run
        self.path, self.identity = run.checkpoint, identity
        self.began = self.written = time.monotonic()
        self.exists = False

    def resume(self) -> Progress:
        """Take up the state in the file, or say in a line why not, and where the training stands.

        A file of this training brings `run.earlier_seconds`.
        """
        if self.path is None or not self.path.is_file():
            return Progress()
        before = deepcopy(self._state())
        try:
            kept = _read(self.path)
            if kept["identity"] != self.identity:
                raise ValueError("it is of another training")
            progress, seconds = Progress(**kept["progress"]), float(kept["seconds"])
            self._take(kept, progress.step)
        except Exception as error:  # what unpickling raises, or a state that does not fit
            self._take(before, 0)
            why = str(error).partition("\n")[0] or type(error).__name__
            _log.warning("checkpoint %s is left aside: %s; training begins anew.", self.path, why)
            return Progress()
        self.exists = True
        self.run.earlier_seconds = seconds
        return progress

    def keep(self, progress: Progress, ended: bool) -> None:
        """Write the file where it is time to, and at the end of a training that has one.

        The last one spares the training where what follows it fails, such as for want of memory.
        """
        now = time.monotonic()
        due = now - self.written >= self.run.checkpoint_seconds
        if self.path is None or not (due or (ended and self.exists)):
            return
        seconds = self.run.earlier_seconds + now - self.began
        whole = {"identity": self.identity, "progress": asdict(progress), "seconds": seconds}
        try:
            _write(self.path, whole | self._state())
            self.exists = True
        except OSError as error:
            why = f"checkpoint {self.path} cannot be written ({error.strerror or error})"
            _log.warning("%s; training goes on without.", why)
        self.written = time.monotonic()

    def _state(self) -> dict[str, Any]:
        """The state of network, optimiser and torch's generators; tensors are not copies."""
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
        else:  # begun on a CPU: a stream of its own, and not once more that of the beginning
            with torch.cuda.device(self.run.device):
                torch.cuda.manual_seed(self.run.seed_for(f"training from {step}"))


def identity(network: nn.Module, examples: Examples, run: Run, how: Any) -> str:
    """A hash of what tells one training from another: network, settings, budget, seed, examples.

    how: a dataclass, the settings of the loop.
    """
    settings = getattr(network, "settings", None)
    known = {
        "network": type(network).__qualname__,
        "settings": asdict(settings) if is_dataclass(settings) else None,  # type: ignore[arg-type]
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
