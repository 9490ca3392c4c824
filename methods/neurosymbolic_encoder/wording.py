"""A learned program as a formula with its weights, and in words; both in the units of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from methods.neurosymbolic_encoder.dsl import DSL, Feature
from methods.neurosymbolic_encoder.population import Population
from methods.neurosymbolic_encoder.programs import Program


def formatted(value: float) -> str:
    """A number as text: three significant digits, or whole from 1,000 on, with a minus sign −."""
    digits = f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"
    return digits.replace("-", "−")


def _signed(value: float) -> str:
    """A number as a further term of a sum: `+ 2` or `− 2`."""
    return f"{'−' if value < 0 else '+'} {formatted(abs(value))}"


@dataclass(frozen=True)
class Affine:
    """A program's function of one feature in the feature's own unit: slope × feature + offset."""

    feature: Feature
    slope: float
    offset: float


class Writer:
    """A writer of a population's only program; mean, std: (F,), of the features it learned from."""

    def __init__(self, population: Population, dsl: DSL, mean: np.ndarray, std: np.ndarray) -> None:
        (self.program,) = population.programs
        self.dsl = dsl
        scale = population.scale.detach().flatten().tolist()
        bias = population.bias.detach().flatten().tolist()
        thresholds = population.threshold.detach().tolist()
        names = [feature.name for feature in dsl.features]
        self.affine: dict[int, Affine] = {}
        self.threshold: dict[int, float] = {}
        for n, (node, _) in enumerate(self.program.nodes()):
            slot = population.slots.get((0, n))
            if slot is None:
                continue
            if node.feature is None:
                self.threshold[n] = thresholds[slot]
            else:
                f = names.index(node.feature)
                slope = scale[slot] / float(std[f])
                offset = bias[slot] - slope * float(mean[f])
                self.affine[n] = Affine(dsl.feature(node.feature), slope, offset)
        self.n = -1

    def text(self) -> str:
        """The formula, as `1[> −7.02] map_average(multiply(0.1·speed − 2, 0.3·distance + 1))`."""
        self.n = -1
        root = self.threshold.get(0, 0.0)
        return f"1[> {formatted(root)}] {self._text(self.program, top=True)}"

    def _text(self, node: Program, top: bool = False) -> str:
        self.n += 1
        here = self.n
        if node.rule is None:
            return f"?{node.kind}"
        if here in self.affine:
            one = self.affine[here]
            value = f"{formatted(one.slope)}·{one.feature.name} {_signed(one.offset)}"
            return f"final({value})" if node.rule == "final" else value
        inner = ", ".join(self._text(argument) for argument in node.arguments)
        below = f" {_signed(-self.threshold[here])}" if here in self.threshold and not top else ""
        return f"{node.rule}({inner}){below}"

    def words(self) -> str:
        """The formula as a sentence: `1 where the average over time of the speed is above 3.1`."""
        self.n = -1
        linear = self._linear(self.program)
        if linear is not None:
            terms, offset = linear
            (slope, phrase, unit), *others = terms
            if not others and slope:
                side = "above" if slope > 0 else "below"
                return f"1 where {phrase} is {side} {formatted(-offset / slope)} {unit}".rstrip()
            total = " plus ".join(f"{formatted(slope)} × {phrase}" for slope, phrase, _ in terms)
            return f"1 where {total} is above {formatted(-offset)}"
        self.n = -1
        phrase = self._words(self.program, top=True)
        return f"1 where {phrase} is above {formatted(self.threshold.get(0, 0.0))}"

    def _linear(self, node: Program) -> tuple[list[tuple[float, str, str]], float] | None:
        """Slope, phrase and unit of each term of a weighted sum, and its offset.

        The terms are averages or last values of single features. None: the program is no such sum.
        """
        self.n += 1
        here = self.n
        if node.rule == "final":
            one = self.affine[here]
            return [(one.slope, f"{one.feature.words} at the end", one.feature.unit)], one.offset
        if node.rule == "map_average" and node.arguments[0].rule == "select":
            self.n += 1
            one = self.affine[self.n]
            phrase = f"the average over time of {one.feature.words}"
            return [(one.slope, phrase, one.feature.unit)], one.offset - self.threshold[here]
        if node.rule == "add":
            parts = [self._linear(argument) for argument in node.arguments]
            if None not in parts:
                sums = [part for part in parts if part is not None]
                return [term for terms, _ in sums for term in terms], sum(one for _, one in sums)
        return None

    def _words(self, node: Program, top: bool = False) -> str:
        self.n += 1
        here = self.n
        if node.rule is None:
            return "a learned network's output"
        if here in self.affine:
            one = self.affine[here]
            end = " at the end" if node.rule == "final" else ""
            return f"({formatted(one.slope)} × {one.feature.words}{end} {_signed(one.offset)})"
        parts = [self._words(argument) for argument in node.arguments]
        if node.rule == "add":
            said = f"({parts[0]} plus {parts[1]})"
        elif node.rule == "multiply":
            said = f"({parts[0]} times {parts[1]})"
        elif node.rule == "if_then_else":
            said = f"({parts[1]} where {parts[0]} is positive, else {parts[2]})"
        elif node.rule in ("map_average", "average"):
            said = f"the average over time of {parts[0]}"
        elif node.rule == "map_prefixes":
            said = f"at each frame, {parts[0]} so far"
        else:
            said = parts[0]
        if here in self.threshold and not top:
            said = f"({said} {_signed(-self.threshold[here])})"
        return said
