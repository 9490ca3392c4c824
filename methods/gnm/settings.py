"""The settings of GNM and its schedules; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import dataclass
from math import log

from baselines.checks import number, one_of, whole
from baselines.scenes.scene_method import SceneSettings
from benchmarks.protocol import SymbenchError

PRIORS = ("structdraw", "gaussian")


@dataclass(frozen=True)
class GNMSettings(SceneSettings):
    """Sizes and schedules of GNM; steps are parameter updates, and a ramp is linear in them.

    beta: weight of the KL of z_g and of every KL against a prior that z_g gives; the KLs against
    fixed priors have their own weights.
    steps: drawing steps of StructDRAW. interaction: whether its MLPs see the whole map; False is
    the ablation of `struct_draw.FromMap`. mlp: units of their layers. prior: prior of z_g,
    "structdraw", or "gaussian": N(0, I), the other ablation.
    temperature_*: temperature of the relaxed presence. presence_prior_*: the fixed prior's
    probability that a component is present. global_ramp: updates in which the weight of z_g's KL
    goes from 0 to 1.
    what_ramp: updates in which the weight of both KLs of `what` goes from 0 to 1, besides
    `warm_up`. Published: 0, none.
    where_std: first deviation of every posterior of `where`, before sigmoid, exp and tanh. The less
    boxes move by chance, the earlier glimpses show their content.
    what_gain: factor of the first weights of the means of `what`. Published: 1. The more codes
    differ compared with their noise, the earlier glimpses depend on them.
    present_steps: updates during which every component is drawn, whatever its presence, so that
    glimpses learn what lies under their boxes before a component can vanish. Published: 0, none.
    glimpse_bias, for grey scenes alone: added to the first bias of the glimpses' last layer; below
    0 they begin dark. Published: 0, grey; docs/settings.md tells how a short training then ends.
    alpha_steps, for scenes in colour alone: updates during which the image's alpha map is
    alpha_fixed at every pixel, and presence at most 0.99. background_weight, where_weight,
    likewise: first weight of the KL against the fixed prior, which falls to 1 within
    background_ramp and where_ramp.
    """

    optimiser: str = "rmsprop"
    steps: int = 4
    interaction: bool = True
    mlp: int = 512
    prior: str = "structdraw"
    temperature_first: float = 1.0
    temperature_last: float = 0.5
    temperature_begin: int = 1_000
    temperature_end: int = 20_000
    presence_prior_first: float = 0.1
    presence_prior_last: float = 0.001
    presence_prior_end: int = 4_000
    global_ramp: int = 100_000
    what_ramp: int = 0
    where_std: float = log(2)
    what_gain: float = 1.0
    glimpse_bias: float = 0.0
    present_steps: int = 0
    background_weight: float = 50.0
    background_ramp: int = 50_000
    where_weight: float = 10.0
    where_ramp: int = 500
    alpha_fixed: float = 0.9
    alpha_steps: int = 500

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("steps", "mlp"):
            whole(self, name, 1)
        for name in self.__dataclass_fields__:
            if name.endswith(("_ramp", "_begin", "_end", "_steps", "_up")):
                whole(self, name, 0)
        for name in ("temperature_first", "temperature_last"):
            number(self, name, 0, above=True)
        for name in ("background_weight", "where_weight"):
            number(self, name, 0)
        for name in ("presence_prior_first", "presence_prior_last", "alpha_fixed"):
            number(self, name, 0, above=True)
            if getattr(self, name) >= 1:
                raise SymbenchError(f"{name} is {getattr(self, name)}; it must be below 1.")
        for name in ("where_std", "what_gain"):
            number(self, name, 0, above=True)
        number(self, "glimpse_bias", -100)
        if self.temperature_end < self.temperature_begin:
            raise SymbenchError(
                f"temperature_end is {self.temperature_end}; it must be temperature_begin "
                f"({self.temperature_begin}) or more."
            )
        one_of(self, "prior", PRIORS)

    def temperature(self, step: int) -> float:
        """Temperature of the relaxed presence at an update."""
        span = (self.temperature_begin, self.temperature_end)
        return ramp(step, self.temperature_first, self.temperature_last, *span)

    def presence_prior(self, step: int) -> float:
        """Logit of the fixed prior's probability that a component is present, at an update."""
        ends = (self.presence_prior_first, self.presence_prior_last)
        probability = ramp(step, *ends, 0, self.presence_prior_end)
        return log(probability / (1 - probability))

    def kl_weights(self, step: int) -> dict[str, float]:
        """Weights of the KLs against the model's own priors, by name; the others are 1."""
        return {
            "global": ramp(step, 0.0, 1.0, 0, self.global_ramp),
            "what": ramp(step, 0.0, 1.0, 0, self.what_ramp),
        }

    def fixed_weights(self, step: int, colour: bool) -> dict[str, float]:
        """Weights of the KLs against fixed priors, by name; the others are 1."""
        what = {"what": ramp(step, 0.0, 1.0, 0, self.what_ramp)}
        if not colour:
            return what
        return what | {
            "where": ramp(step, self.where_weight, 1.0, 0, self.where_ramp),
            "background": ramp(step, self.background_weight, 1.0, 0, self.background_ramp),
        }


def ramp(step: int, first: float, last: float, begin: int, end: int) -> float:
    """A line from `first` at step `begin` to `last` at step `end`, constant before and after."""
    if step >= end:
        return last
    return first + (last - first) * max(0, step - begin) / (end - begin)
