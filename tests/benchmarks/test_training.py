"""The loop: the same losses in every form, checkpoints to the bit, faults in a line."""

import hashlib
import io
import json
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks import checkpoint, training
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, Examples, Run
from benchmarks.training import seeded, train, updates

# 7 batches an epoch, the last of 4 examples: the report at update 10 is amid the second epoch.
COUNT, BATCH, STEPS = 100, 16, 24


@pytest.fixture(autouse=True)
def _reports(monkeypatch):
    """Reports, and with them checkpoints, every 10 updates."""
    monkeypatch.setattr(training, "REPORT_EVERY", 10)


@dataclass(frozen=True)
class Settings:
    beta: float = 1.0


class ConvVAE(nn.Module):
    """A VAE of 8 × 8 images whose weight of the KL adapts, as GECO does."""

    def __init__(self, settings=Settings(), noise=True):
        super().__init__()
        self.settings, self.noise, self.calls = settings, noise, []
        self.encoder = nn.Sequential(
            *(nn.Conv2d(1, 8, 3, 2, 1), nn.ELU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ELU()),
            *(nn.Flatten(), nn.Linear(64, 8)),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(4, 64), nn.Unflatten(1, (16, 2, 2)), nn.ConvTranspose2d(16, 8, 4, 2, 1)),
            *(nn.ELU(), nn.ConvTranspose2d(8, 1, 4, 2, 1)),
        )
        self.register_buffer("weight", torch.tensor(settings.beta))

    def loss(self, batch, step):
        images = batch["images"]
        assert images.dtype == torch.uint8
        self.calls.append((step, len(images)))
        x = images.permute(0, 3, 1, 2).float() / 255
        mean, log_variance = self.encoder(x).chunk(2, 1)
        noise = torch.randn_like(mean) if self.noise else 0
        drawn = self.decoder(mean + noise * (log_variance / 2).exp())
        nll = 12.5 * (drawn.float() - x).square().flatten(1).sum(1).mean()
        kl = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum(1).mean()
        return nll + self.weight * kl, {"nll": nll, "kl": kl}

    def adapt(self, scalars):
        self.weight.mul_(torch.exp(0.01 * (scalars["kl"] - 2).clamp(-1, 1)))


def examples(seed=0, count=COUNT):
    """Images of a square somewhere."""
    rng = np.random.default_rng(seed)
    images = np.zeros((count, 8, 8, 1), np.uint8)
    for image, (row, column) in zip(images, rng.integers(0, 5, (count, 2)), strict=True):
        image[row : row + 3, column : column + 3] = rng.integers(100, 256)
    return Examples({"images": images})


HOW = Optimisation(learning_rate=1e-3, in_parts=True)


def a_run(path=None, steps=STEPS, **changes):
    values = {"seed": 3, "budget": Budget(steps=steps, batch_size=BATCH), "checkpoint": path}
    return Run(**{**values, "checkpoint_seconds": 0.0, **changes})


def a_network(**changes):
    with seeded(Run(0, Budget(steps=1)), "weights"):
        return ConvVAE(**changes)


def trained(run, how=HOW, data=None, **changes):
    network = a_network(**changes)
    train(network, data or examples(), run, how)
    return network


def losses(run, **changes):
    """The losses that a training reports."""
    seen = []
    run.reporter = lambda **values: seen.append(values["loss"])
    trained(run, **changes)
    return np.array(seen)


def interrupted(path, at, how=HOW, data=None):
    """A training that ends at an update as if it had been killed."""
    path.unlink(missing_ok=True)
    steps = updates(a_network(), data or examples(), a_run(path), how)
    while next(steps) < at:
        pass
    steps.close()


def same(one, other):
    states = one.state_dict(), other.state_dict()
    return all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.parametrize("count", [100, 80], ids=["within an epoch", "between epochs"])
@pytest.mark.parametrize("optimiser", ["adam", "rmsprop"])
def test_a_training_that_was_killed_ends_in_the_same_bits(tmp_path, optimiser, count):
    how = Optimisation(optimiser, 1e-3, clip=1.0)
    data, path = examples(count=count), tmp_path / "kept" / "key.pt"
    whole = trained(a_run(), how, data)
    interrupted(path, 14, how, data)
    run = a_run(path)
    resumed = trained(run, how, data)
    assert same(whole, resumed)
    assert [step for step, _ in resumed.calls] == list(range(10, STEPS))
    assert (run.steps, run.examples) == (STEPS, sum(n for _, n in whole.calls))
    assert run.earlier_seconds > 0
    assert [one.name for one in path.parent.iterdir()] == ["key.pt"]


def test_the_adapted_buffer_and_the_noise_are_part_of_it(tmp_path, monkeypatch):
    """The check above would see a stream or a buffer that is not kept."""
    whole, path = trained(a_run()), tmp_path / "key.pt"
    assert whole.weight != 1
    interrupted(path, 14)
    restore = torch.set_rng_state
    monkeypatch.setattr(torch, "set_rng_state", lambda state: None)
    assert not same(whole, trained(a_run(path)))
    monkeypatch.setattr(torch, "set_rng_state", restore)
    interrupted(path, 14)
    monkeypatch.setattr(
        json, "loads", lambda text: Run(3, Budget(steps=1)).rng("x").bit_generator.state
    )
    assert not same(whole, trained(a_run(path)))


def test_a_training_that_ended_is_not_done_again(tmp_path):
    path = tmp_path / "key.pt"
    whole, run = trained(a_run(path)), a_run(path)
    again = trained(run)
    assert same(whole, again)
    assert again.calls == []
    assert not again.training
    assert (run.steps, run.examples) == (STEPS, sum(n for _, n in whole.calls))


def test_short_trainings_leave_no_checkpoint_and_time_decides_for_others(tmp_path, monkeypatch):
    path, clock = tmp_path / "key.pt", [0.0]
    trained(a_run(path, checkpoint_seconds=60))
    assert not path.exists()
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: clock[0])
    written, write = [], checkpoint._write
    monkeypatch.setattr(checkpoint, "_write", lambda *given: (written.append(1), write(*given)))
    steps = updates(a_network(), examples(), a_run(path, 60, checkpoint_seconds=60), HOW)
    counts = {}
    for step in steps:
        clock[0] += 2.5  # 25 seconds from report to report
        counts[step] = len(written)
    assert [counts[step] for step in (20, 29, 30, 50, 59, 60)] == [0, 0, 1, 1, 1, 2]
    assert checkpoint._read(path)["seconds"] == pytest.approx(59 * 2.5)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda content: content[:-1000], "it is damaged"),
        (lambda content: content[:500] + bytes([content[500] ^ 1]) + content[501:], "it is dam"),
        (lambda content: b"", "it is damaged"),
        (lambda content: digested(b"no archive"), ""),
        (lambda content: digested(archive({"identity": 1})), "it is of another training"),
        (lambda content: digested(archive([1])), ""),
        (lambda content: digested(archive({"identity": Settings()})), "Weights only load failed"),
    ],
    ids=["cut", "flipped", "empty", "no archive", "half", "list", "code"],
)
def test_a_damaged_checkpoint_is_a_line_and_a_new_beginning(tmp_path, caplog, damage, why):
    path = tmp_path / "key.pt"
    interrupted(path, 14)
    path.write_bytes(damage(path.read_bytes()))
    begun_anew(path, caplog, why)


def digested(body):
    return body + hashlib.sha256(body).digest()


def archive(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


@cache
def undisturbed():
    return trained(a_run())


def begun_anew(path, caplog, why):
    caplog.clear()
    run = a_run(path)
    assert same(undisturbed(), trained(run))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"checkpoint {path} is left aside: {why}")
    assert line.endswith("; training begins anew.")
    assert "\n" not in line
    assert run.earlier_seconds == 0


def test_a_checkpoint_whose_state_does_not_fit_changes_nothing(tmp_path, caplog):
    """Its parts are taken one after the other: what was taken before the fault is given back."""
    path = tmp_path / "key.pt"
    for broken in ("optimiser", "streams", "progress"):
        interrupted(path, 14)
        state = checkpoint._read(path)
        state[broken] = {}
        if broken == "progress":
            state[broken] = {"step": 10, "elsewhere": 1}
        path.unlink()
        checkpoint._write(path, state)
        begun_anew(path, caplog, "")


def test_a_checkpoint_of_another_training_is_left_aside(tmp_path, caplog):
    path, how, data = tmp_path / "key.pt", HOW, examples()
    others = [
        (a_network(), data, a_run(path, seed=4), how),
        (a_network(), data, a_run(path, 30), how),
        (a_network(), data, a_run(path), replace(how, learning_rate=1e-4)),
        (a_network(), examples(1), a_run(path), how),
        (a_network(), examples(0, 99), a_run(path), how),
        (a_network(settings=Settings(2.0)), data, a_run(path), how),
        (nn.Sequential(a_network()), data, a_run(path), how),
    ]
    known = {checkpoint.identity(*other) for other in others}
    known.add(checkpoint.identity(a_network(), data, a_run(path), how))
    assert len(known) == len(others) + 1
    for network, given, run, settings in others[:1] + others[5:6]:
        for step in updates(network, given, run, settings):
            if step == 14:
                break
        begun_anew(path, caplog, "it is of another training")


def test_parts_of_a_batch_may_change_from_one_process_to_the_next(tmp_path):
    path = tmp_path / "key.pt"
    interrupted(path, 14)
    resumed = trained(a_run(path, at_once=5))
    assert resumed.calls[:4] == [(10, 5), (10, 5), (10, 5), (10, 1)]


def test_a_checkpoint_that_cannot_be_written_costs_a_line_and_no_training(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    whole = trained(a_run())
    assert same(whole, trained(a_run(tmp_path / "file" / "key.pt")))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert all("cannot be written (" in one and "\n" not in one for one in lines)


def test_the_order_of_memory_changes_losses_by_roundings_at_most():
    asked = replace(HOW, channels_last=True)
    there, here = trained(a_run(steps=1)), trained(a_run(steps=1), asked)
    assert there.encoder[2].weight.is_contiguous()
    assert here.encoder[2].weight.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_allclose(losses(a_run(), how=asked), losses(a_run()), rtol=1e-5)


def test_the_defaults_are_plain_adam(monkeypatch):
    """The loop against the dozen lines that it stands for, bit for bit."""
    monkeypatch.delattr(ConvVAE, "adapt")
    ours, plain = trained(a_run(), Optimisation(learning_rate=1e-3)), a_network()
    optimiser = torch.optim.Adam(plain.parameters(), lr=1e-3, fused=True)
    images, order = torch.from_numpy(examples()["images"]), a_run().rng("batches")
    with seeded(a_run(), "training"):
        for step in range(STEPS):
            if step % 7 == 0:
                batches = torch.from_numpy(order.permutation(COUNT)).split(BATCH)
            loss, _ = plain.loss({"images": images[batches[step % 7]]}, step)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    assert same(ours, plain)


def test_a_loss_that_is_no_mean_over_examples_is_never_computed_in_parts():
    network = trained(a_run(at_once=5), replace(HOW, in_parts=False))
    assert network.calls[:2] == [(0, BATCH), (1, BATCH)]


def test_a_training_with_a_name_draws_from_streams_of_its_own():
    def named(name):
        network = a_network()
        train(network, examples(), a_run(), HOW, name)
        return network

    assert same(named("first"), named("first"))
    assert not same(named("first"), named("second"))
    assert not same(named("first"), named(""))


def test_columns_may_be_tensors_on_the_device_already(tmp_path):
    data, path = examples(), tmp_path / "key.pt"
    tensors = Examples({"images": torch.from_numpy(data["images"])})
    assert same(trained(a_run(), data=data), trained(a_run(), data=tensors))
    interrupted(path, 14, data=data)
    assert trained(a_run(path), data=tensors).calls[0] == (10, BATCH), "it is the same training"


def test_parts_of_a_batch_have_its_losses():
    whole = losses(a_run(), noise=False)
    for at_once in (1, 5, 8, 99):
        parts = losses(a_run(at_once=at_once), noise=False)
        np.testing.assert_allclose(parts, whole, rtol=1e-5)
    assert not np.allclose(whole, losses(a_run(seed=4), noise=False), rtol=1e-3)


def test_scalars_of_parts_count_by_their_size():
    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(()))

        def loss(self, batch, step):
            mean = batch["x"].mean()
            return self.weight * mean, {"mean": mean}

        def adapt(self, scalars):
            assert not torch.is_grad_enabled()
            self.seen = scalars["mean"]

    network, seen = Mean(), []
    run = a_run(steps=1, at_once=2, reporter=lambda **values: seen.append(values["mean"]))
    data = Examples({"x": np.array([0, 1, 2, 3, 14], np.float32)})
    train(network, data, run, HOW)
    assert network.seen == pytest.approx(4)
    assert seen == [pytest.approx(4)]
    assert network.weight.grad == pytest.approx(4)


def test_bfloat16_changes_the_loss_by_2_percent_at_most(monkeypatch):
    monkeypatch.setattr(training, "has_bfloat16", lambda device: True)
    whole = losses(a_run(steps=100))
    asked = replace(HOW, mixed_precision=True)
    mixed = losses(a_run(steps=100), how=asked)
    assert not np.array_equal(mixed, whole)
    np.testing.assert_allclose(mixed, whole, rtol=0.02)
    network = trained(a_run(steps=2), how=asked)
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    monkeypatch.setattr(training, "has_bfloat16", lambda device: False)
    assert np.array_equal(losses(a_run(steps=100), how=asked), whole)
