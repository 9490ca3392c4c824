"""Methods that keep the protocol in seconds, and offenders that each break one rule of it."""

import contextlib
import multiprocessing
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from benchmarks.protocol import Budget, Examples


@dataclass(frozen=True)
class NoSettings:
    scale: float = 1.0


class Honest:
    """The nearest class mean under a random projection of the pixels, which depends on the seed."""

    Settings = NoSettings
    seconds = 0.0

    def __init__(self, settings):
        self.settings = settings

    def fit(self, train, run):
        for step in range(1, 5):
            time.sleep(self.seconds / 4)
            run.report(step, 4, 8 * step, loss=1 / step, accuracy=0.5)
        pixels = self.pixels(train)
        shape = (pixels.shape[1], 8)
        self.projection = run.rng("weights").standard_normal(shape).astype(np.float32)
        codes, labels = pixels @ self.projection, np.asarray(train["labels"])[: len(pixels)]
        means = [codes[labels == label].mean(0) for label in range(labels.max() + 1)]
        self.means = np.stack(means)

    def pixels(self, examples):
        images = np.asarray(examples["images"][:300])
        return images.reshape(len(images), -1).astype(np.float32) / 255

    def evaluate(self, inputs, run):
        codes = self.pixels(inputs) @ self.projection
        distances = ((codes[:, None] - self.means) ** 2).sum(-1)
        return {"logits": -distances * self.settings.scale}


class Honest100ms(Honest):
    seconds = 0.1


class Slow(Honest):
    """Stays in its fit, and holds what one that starts processes of its own does."""

    seconds = 30.0

    def fit(self, train, run):
        self.semaphore = multiprocessing.get_context("spawn").Semaphore()
        super().fit(train, run)


class Raises(Honest):
    def fit(self, train, run):
        raise RuntimeError("the moon is in the wrong house")


class RaisesOnce(Honest):
    def fit(self, train, run):
        if "SYMBENCH_TEST_FAIL" in os.environ:
            raise RuntimeError("asked to fail")
        super().fit(train, run)


class WrongShape(Honest):
    def evaluate(self, inputs, run):
        return {"logits": super().evaluate(inputs, run)["logits"][:, :1]}


class TooFewRows(Honest):
    def evaluate(self, inputs, run):
        return {"logits": super().evaluate(inputs, run)["logits"][1:]}


class ReturnsNaN(Honest):
    def evaluate(self, inputs, run):
        logits = super().evaluate(inputs, run)["logits"]
        return {"logits": np.where(logits == logits.max(), np.nan, logits)}


class Forgetful(Honest):
    def evaluate(self, inputs, run):
        return {"predictions": super().evaluate(inputs, run)["logits"]}


class ReturnsArray(Honest):
    def evaluate(self, inputs, run):
        return super().evaluate(inputs, run)["logits"]


class Dies(Honest):
    """Dies in the middle of the cell like a process that the system kills for its memory."""

    def fit(self, train, run):
        os.kill(os.getpid(), signal.SIGKILL)


class Diverges(Honest):
    """A network whose loss becomes NaN."""

    def fit(self, train, run):
        import torch

        from benchmarks.optimisation import Optimisation
        from benchmarks.training import train as fit_network

        class Log(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.zeros(1))

            def loss(self, batch, step):
                return torch.log(self.weight - 1).mean(), {}

        fit_network(Log(), train.select(("labels",)), run, Optimisation(learning_rate=0.1))


class Long(Honest):
    """A long training with checkpoints, which notes each update that it computes in a file.

    Its loss has noise, so that it ends the same only where all random streams go on as they were.
    SYMBENCH_TEST_STALL: the update in which it waits to be stopped. SYMBENCH_TEST_MEMORY: how many
    examples fit the memory, from the 80th update on.
    """

    def fit(self, train, run):
        import torch

        from benchmarks.optimisation import Optimisation
        from benchmarks.training import seeded
        from benchmarks.training import train as learn

        super().fit(train, run)
        notes = Path(os.environ["SYMBENCH_TEST_NOTES"])
        memory = int(os.environ.get("SYMBENCH_TEST_MEMORY", "1000"))
        stall = int(os.environ.get("SYMBENCH_TEST_STALL", "-1"))

        class Noisy(torch.nn.Module):
            def __init__(self, start):
                super().__init__()
                self.weight = torch.nn.Parameter(torch.from_numpy(start))

            def loss(self, batch, step):
                with notes.open("a") as stream:
                    stream.write(f"{step} {len(batch['codes'])}\n")
                if step >= 80 and len(batch["codes"]) > memory:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
                if step == stall:
                    time.sleep(60)
                noisy = batch["codes"] + torch.randn_like(batch["codes"])
                return (noisy @ self.weight).square().mean(), {}

        with seeded(run, "weights"):
            network = Noisy(np.eye(8, dtype=np.float32))
        codes = self.pixels(train) @ self.projection
        run.budget, run.checkpoint_seconds = Budget(steps=250, batch_size=8), 0.0
        how = Optimisation(learning_rate=1e-2, in_parts=True)
        learn(network, Examples({"codes": codes[:60] / 100}), run, how)
        turned = network.weight.detach().numpy()
        self.projection, self.means = self.projection @ turned, self.means @ turned


class ReadsLabels(Honest):
    """Asks for the labels of the test inputs and hides that it was refused."""

    def evaluate(self, inputs, run):
        with contextlib.suppress(Exception):
            inputs.take(slice(0, 2))["labels"]
        return super().evaluate(inputs, run)


class ReadsSymbols(Honest):
    reads = ("symbols",)


class Mutates(Honest):
    def evaluate(self, inputs, run):
        outputs = super().evaluate(inputs, run)
        inputs["images"].table[0, 0, 0] ^= 1
        return outputs


class Unseeded(Honest):
    def fit(self, train, run):
        super().fit(train, run)
        self.projection = self.projection + np.random.standard_normal(self.projection.shape)  # noqa: NPY002


class SeedBlind(Honest):
    def fit(self, train, run):
        run.seed = 0
        super().fit(train, run)


class DeclaredDeterministic(SeedBlind):
    deterministic = True


class FalselyDeterministic(Honest):
    deterministic = True


class OrderDependent(Honest):
    def evaluate(self, inputs, run):
        logits = super().evaluate(inputs, run)["logits"]
        return {"logits": logits + np.arange(len(logits))[:, None] * np.arange(logits.shape[1])}


class BatchDependent(Honest):
    def evaluate(self, inputs, run):
        logits = super().evaluate(inputs, run)["logits"]
        return {"logits": logits - logits.mean(0)}


class Thawed(Honest):
    @dataclass
    class Settings:
        scale: float = 1.0


class NoDefault(Honest):
    @dataclass(frozen=True)
    class Settings:
        scale: float


class Unpicklable(Honest):
    @dataclass(frozen=True)
    class Settings:
        scale: float = 1.0
        function: object = field(default=lambda x: x)


class OnlyTwoClasses(Honest):
    """Works on the first task only."""

    def fit(self, train, run):
        if np.asarray(train["labels"]).max() > 1:
            raise ValueError("cannot have more than two classes")
        super().fit(train, run)


class NotAMethod:
    Settings: ClassVar[type] = NoSettings
