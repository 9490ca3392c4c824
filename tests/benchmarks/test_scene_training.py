"""The loop with the networks of the suite: precision, layout of weights, checkpoints."""

from itertools import islice

import numpy as np
import pytest
import torch

from benchmarks import registry, training
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, Examples, Run
from benchmarks.suites.scenes import MOST_NATS
from benchmarks.training import seeded, to_device, updates

SIZE, BATCH = 32, 4
GNM, CONVDRAW = "methods.gnm:GNM", "baselines.convdraw:ConvDRAW"
NETWORKS = {
    "gnm": (GNM, 1, {}),
    "gnm in colour": (GNM, 3, {}),
    "gnm_gaussian": (GNM, 1, {"prior": "gaussian"}),
    "convdraw": (CONVDRAW, 1, {"hidden": 16}),
    "convdraw_mlp": (CONVDRAW, 1, {"hidden": 16, "mlp": 32, "interaction": True}),
    "genesis": ("baselines.genesis:GENESIS", 1, {"width": 0.25, "components": 3}),
    "vae": ("baselines.vae:VAE", 1, {}),
}


def a_network(name):
    path, channels, settings = NETWORKS[name]
    method = registry.load_class(path)
    settings = method.Settings(**settings)
    with seeded(Run(0, Budget(steps=1)), "weights"):
        return method.Network(settings, SIZE, channels), settings


def images(name, count=10):
    """Two bright squares on a darker ground."""
    channels, rng = NETWORKS[name][1], np.random.default_rng(0)
    made = np.full((count, SIZE, SIZE, channels), 20, np.uint8)
    for image in made:
        for row, column in rng.integers(0, SIZE - 8, (2, 2)):
            image[row : row + 8, column : column + 8] = rng.integers(128, 256, channels)
    return Examples({"images": made})


def gradients(network, name, layout=torch.contiguous_format, mixed=False):
    """The loss of a batch as a distance from the least one possible, and all its gradients."""
    network.to(memory_format=layout)
    network.zero_grad(set_to_none=True)
    data, run = to_device(images(name, BATCH), "cpu"), Run(1, Budget(steps=1))
    with seeded(run, "noise"):
        loss, scalars = training._gradients(network, data, torch.arange(BATCH), 99, 7, mixed)
    assert loss.dtype == torch.float32
    assert all(torch.isfinite(value) for value in scalars.values())
    found = [weight.grad.flatten() for weight in network.parameters() if weight.grad is not None]
    return float(loss) + MOST_NATS * data["images"][0].numel(), torch.cat(found)


@pytest.mark.parametrize("name", NETWORKS)
def test_layout_and_precision_do_not_change_what_is_learned(name):
    network, _ = a_network(name)
    whole, direction = gradients(network, name)
    again, turned = gradients(network, name, torch.channels_last)
    assert again == pytest.approx(whole, rel=1e-5)
    assert (turned - direction).norm() < 1e-4 * direction.norm()
    mixed, turned = gradients(network, name, torch.channels_last, mixed=True)
    assert mixed != again
    assert mixed == pytest.approx(whole, rel=0.02)
    assert (turned - direction).norm() < 0.1 * direction.norm()


@pytest.mark.parametrize("name", ["gnm", "convdraw", "genesis", "vae"])
def test_a_training_that_was_killed_ends_in_the_same_bits(name, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "REPORT_EVERY", 2)
    path, states = tmp_path / "key.pt", []
    for checkpoint, count in ((None, 4), (path, 3), (path, 4)):
        network, settings = a_network(name)
        asked = settings.optimiser, settings.learning_rate, settings.clip, True
        how = Optimisation(*asked, channels_last=True, in_parts=True)
        budget = Budget(steps=4, batch_size=BATCH)
        run = Run(0, budget, checkpoint=checkpoint, checkpoint_seconds=0.0)
        steps = updates(network, images(name), run, how)
        done = list(islice(steps, count))
        steps.close()
        states.append(network.state_dict())
    assert done == [3, 4], "it goes on from the second update"
    for name, value in states[0].items():
        assert torch.equal(value, states[2][name]), name
