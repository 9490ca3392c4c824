"""Speed of `trajectories`: training, and its fast parts. `SYMBENCH_DEVICE=cuda` times a GPU.

A training case is 10 updates with their optimisers, at the published sizes and batch. Two cases of
one group do the same work in two ways; the quotient of their times is the speed-up. Data are random
numbers in the shapes of the data sets.

    pytest benchmarks/throughput/test_trajectories.py --benchmark-group-by=group

Letters: B trajectories of a batch, T+1 frames, D numbers of a state, F features, Z latent
dimensions, R recurrent units.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.trajectories.trajectory_encoder import LOG_VARIANCE, Decoder, gaussian
from baselines.trajectories.trajectory_method import columns_of, training_split
from benchmarks import runner
from benchmarks.optimisation import Optimisation
from benchmarks.protocol import Budget, Examples, Run
from benchmarks.throughput.cases import (
    DEVICE,
    FOREVER,
    SHAPES,
    batch_size,
    finished,
    language,
    paper_entry,
    walks,
)
from benchmarks.training import updates
from methods.neurosymbolic_encoder.population import Population
from methods.neurosymbolic_encoder.programs import Program
from methods.neurosymbolic_encoder.search import Search, distil
from methods.neurosymbolic_encoder.training import Training
from symdata.basketball import windows as basketball
from symdata.calms21 import geometry
from symdata.synthetic_trajectories import trajectories as synthetic

UPDATES = 10
ROUNDS = {"synthetic": 12, "basketball": 4}
BASELINES = ("tvae", "tvae_kmeans", "joint_tvae", "vq_tvae", "beta_tvae")


def timed(benchmark: Any, group: str, work: Callable[[], object], rounds: int = 10) -> None:
    """Time the work as one of a group, after a round that does not count."""
    benchmark.group = group
    benchmark.extra_info["threads"] = torch.get_num_threads()
    benchmark.pedantic(finished(work), rounds=rounds, warmup_rounds=1)


def a_run(data: str, steps: int = FOREVER) -> Run:
    """A run of so many updates with the published batch."""
    return Run(0, Budget(steps=steps, batch_size=batch_size(data)), DEVICE)


@pytest.mark.parametrize(
    ("data", "name"), [*(("synthetic", name) for name in BASELINES), ("basketball", "tvae")]
)
def test_training_of_baselines(benchmark: Any, data: str, name: str) -> None:
    """Time 10 updates of a baseline."""
    method = runner.build(paper_entry(name, data))
    method.fit(walks(data), a_run(data, 1))
    columns = Examples(columns_of(training_split(walks(data))))
    how = Optimisation(learning_rate=method.settings.learning_rate)
    steps = updates(method.network, columns, a_run(data), how)
    timed(
        benchmark, f"training: {data}", lambda: [next(steps) for _ in range(UPDATES)], ROUNDS[data]
    )
    steps.close()


@pytest.mark.parametrize("last", ["neural", "complete"])
@pytest.mark.parametrize(
    ("data", "programs"), [("synthetic", 1), ("synthetic", 2), ("basketball", 1)]
)
def test_training_of_encoders(benchmark: Any, data: str, programs: int, last: str) -> None:
    """Time 10 updates of a neurosymbolic encoder and its adversary, after drawing their weights.

    Its last program is a network, as at the start of a search, or complete, as at its end. A
    program before it is complete and frozen.
    """
    settings = runner.settings_of(paper_entry(f"neurosymbolic_{programs}", data))
    training = Training(settings, language(data), walks(data), a_run(data, UPDATES))
    complete = children(data, "complete")
    frozen = [training.population([program], "frozen") for program in complete[: programs - 1]]
    for population in frozen:
        population.requires_grad_(False)
    program = complete[programs - 1] if last == "complete" else Program(language(data).start)

    def train() -> None:
        training.train([*frozen, training.population([program], last)], last)

    timed(benchmark, f"training: {data}", train, ROUNDS[data])


def children(data: str, kind: str) -> list[Program]:
    """The partial children of the first expansion, or complete ones of the first that has any.

    The latter is the first itself for the synthetic data, and that of `map_average` for the others.
    """
    settings = runner.settings_of(paper_entry("neurosymbolic_1", data))
    search = Search(language(data), settings.penalty, settings.max_depth, settings.frontier, [])
    first = search.children(search.best())
    if kind == "partial":
        return [one.program for one in first if not one.program.complete]
    if not any(one.program.complete for one in first):
        first = search.children(next(one for one in first if one.rule == "map_average"))
    return [one.program for one in first if one.program.complete]


@pytest.mark.parametrize("way", ["together", "one_by_one"])
@pytest.mark.parametrize("kind", ["partial", "complete"])
@pytest.mark.parametrize("data", SHAPES)
def test_children(benchmark: Any, data: str, kind: str, way: str) -> None:
    """Time 10 updates of every child of an expansion, as one population or one after the other."""
    settings = runner.settings_of(paper_entry("neurosymbolic_1", data))
    programs, batch = children(data, kind), batch_size(data)
    states = torch.from_numpy(np.asarray(walks(data)["states"])).to(DEVICE)
    features = torch.from_numpy(language(data).columns(walks(data))).to(DEVICE)
    labels = features[:, 0, 0] > 0
    frames = torch.cat([states, features], -1)
    columns: dict[str, Any] = {"frames": frames, "features": features, "labels": labels.float()}
    given = Examples(columns)

    def learn(some: list[Program]) -> None:
        hidden = settings.most_hidden, settings.least_hidden
        population = Population(some, language(data), frames.shape[-1], *hidden).to(DEVICE)
        distil(population, given, given.take(slice(0, batch)), a_run(data, UPDATES), 1e-3)

    def train() -> None:
        for some in [programs] if way == "together" else [[one] for one in programs]:
            learn(some)

    group = f"children: {data}, {len(programs)} {kind}"
    timed(benchmark, group, train, rounds=5)


@pytest.mark.parametrize("way", ["unrolled", "step_by_step"])
@pytest.mark.parametrize("data", SHAPES)
def test_decoder(benchmark: Any, data: str, way: str) -> None:
    """Time loss and gradient of a recurrent decoder for a batch."""
    entry = paper_entry("tvae", data)
    settings = type(runner.settings_of(entry))(**{**entry.settings, "decoder": "recurrent"})
    frames, size = SHAPES[data]
    torch.manual_seed(0)
    decoder = Decoder(size, settings.z, settings).to(DEVICE)
    states, actions = torch.randn(2, batch_size(data), frames - 1, size, device=DEVICE)
    z = torch.randn(batch_size(data), settings.z, device=DEVICE)
    torch.testing.assert_close(
        step_by_step(decoder, states, actions, z), decoder.nll(states, actions, z)
    )
    nll = decoder.nll if way == "unrolled" else lambda *given: step_by_step(decoder, *given)
    timed(benchmark, f"decoder: {data}", lambda: nll(states, actions, z).mean().backward())


def step_by_step(decoder: Decoder, states: Tensor, actions: Tensor, z: Tensor) -> Tensor:
    """Compute `Decoder.nll` (B,) in a loop over steps. states, actions: (B, T, D), z: (B, Z)."""
    rnn = decoder.rnn
    assert rnn is not None
    h = z.new_zeros(len(z), rnn.hidden_size)
    nats = z.new_zeros(len(z))
    for state, action in zip(states.unbind(1), actions.unbind(1), strict=True):
        both = decoder.action(decoder.hidden(torch.cat([state, z, h], -1)))
        mean, log_variance = both.chunk(2, -1)
        given = gaussian(mean, log_variance.clamp(-LOG_VARIANCE, LOG_VARIANCE))
        nats = nats - given.log_prob(action).sum(1)
        h = torch.gru_cell(torch.cat([state, action], -1), h, *rnn.all_weights[0])
    return nats


@pytest.mark.parametrize("way", ["looked_up", "computed"])
@pytest.mark.parametrize("data", SHAPES)
def test_features(benchmark: Any, data: str, way: str) -> None:
    """Time the standardised features of a batch (B, T+1, F), from a table or from positions.

    The data set's function computes more features than a DSL reads; the positions are given.
    """
    rng = np.random.default_rng(0)
    batch, (frames, _) = batch_size(data), SHAPES[data]
    compute: Callable[[np.ndarray], dict[str, np.ndarray]]
    if data == "synthetic":
        positions = rng.normal(10, 1, (batch, frames, 2)).astype(np.float32)
        compute = synthetic.features
    elif data == "basketball":
        positions = rng.uniform(0, 50, (batch, frames, 5, 2)).astype(np.float32)
        compute = basketball.features
    else:
        # The function takes frames one after the other; random positions cost as much as real ones.
        positions = rng.uniform(0, 500, (batch * frames, 2, 2, 7)).astype(np.float32)
        compute = geometry.features
    names = [one.name for one in language(data).features]
    table = torch.from_numpy(language(data).columns(walks(data))).to(DEVICE)
    mean, std = table.mean((0, 1)), table.std((0, 1))
    rows = torch.from_numpy(rng.permutation(len(table))[:batch]).to(DEVICE)

    def computed() -> Tensor:
        found = compute(positions)
        stacked = np.stack([found[name].reshape(batch, frames) for name in names], -1)
        return (torch.from_numpy(stacked).to(DEVICE) - mean) / std

    def looked_up() -> Tensor:
        return table[rows]

    work = looked_up if way == "looked_up" else computed
    assert work().shape == (batch, frames, len(names))
    timed(benchmark, f"features: {data}", work, rounds=50)


def test_generation(benchmark: Any) -> None:
    """Time the generation of a seed's 14,000 synthetic trajectories, with their features."""
    timed(benchmark, "generation", lambda: synthetic.generate(0))
