"""Published figures on these tasks: claims and reference runs, shown beside our results.

Each suite has one JSON file in `published/`; numbers are fractions. A claim is a number from a
paper; a reference is the result of the authors' own program, run by run.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchmarks.protocol import SymbenchError

FOLDER = Path(__file__).parent / "published"


class Figure(BaseModel):
    """One published number for one method on one task: a value, a lower bound, or single runs.

    score: the name of a further score of the task; None stands for the one by which it ranks.
    deviation: the published standard deviation over runs, of a value alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    regime: str
    method: str
    score: str | None = None
    kind: Literal["claim", "reference"]
    value: float | None = Field(default=None, allow_inf_nan=False)
    minimum: float | None = Field(default=None, allow_inf_nan=False)
    values: tuple[float, ...] | None = None
    deviation: float | None = Field(default=None, gt=0)
    source: str

    @model_validator(mode="after")
    def _one_number(self) -> Figure:
        given = [number for number in (self.value, self.minimum, self.values) if number is not None]
        if len(given) != 1 or self.values == ():
            raise ValueError("exactly one of value, minimum and values is given")
        if self.deviation is not None and self.value is None:
            raise ValueError("a deviation goes with a value")
        return self

    @property
    def number(self) -> float | None:
        """The value, or the mean of the runs; None for a lower bound."""
        if self.values is not None:
            return sum(self.values) / len(self.values)
        return self.value


class Difference(BaseModel):
    """The reason why figures cannot be compared with ours: other data, budget or metric.

    beside: whether a table may show them beside ours nevertheless.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    other: Literal["data", "budget", "metric"]
    why: str
    beside: bool = True


class Published(BaseModel):
    """A suite's published figures, and the profile whose protocol they follow.

    data: by `task/regime`, a note on the data of the figures where they differ from ours.
    tolerance: by score, the distance from a published figure within which ours agrees with it; "*"
    stands for all others. differences: by `task/regime` and score, why figures are not comparable;
    "*" stands for the score that ranks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    suite: str
    profile: str
    sources: dict[str, str]
    data: dict[str, str] = {}
    tolerance: dict[str, float] = {}
    differences: dict[str, dict[str, Difference]] = {}
    figures: tuple[Figure, ...]

    @model_validator(mode="after")
    def _known_sources(self) -> Published:
        unknown = {figure.source for figure in self.figures} - set(self.sources)
        if unknown:
            raise ValueError(f"figures name sources that are not listed: {sorted(unknown)}")
        if self.figures and "*" not in self.tolerance:
            raise ValueError('no tolerance is stated for "*", all scores without one of their own')
        return self

    def near(self, figure: Figure) -> float:
        """The tolerance of a figure."""
        return self.tolerance.get(figure.score or "*", self.tolerance["*"])

    def difference(self, figure: Figure) -> Difference | None:
        """The reason why a figure is not comparable with ours; None where it is."""
        return self.differences.get(f"{figure.task}/{figure.regime}", {}).get(figure.score or "*")

    def find(self, task: str, regime: str, method: str) -> tuple[Figure, ...]:
        """The figures that may stand beside ours for one method on one task, claims first."""
        wanted = (task, regime, method)
        found = [one for one in self.figures if (one.task, one.regime, one.method) == wanted]
        differences = {one: self.difference(one) for one in found}
        found = [one for one, apart in differences.items() if apart is None or apart.beside]
        return tuple(sorted(found, key=lambda figure: figure.kind))


@cache
def published_figures(suite: str, folder: Path = FOLDER) -> Published | None:
    """The published figures of a suite, or None where there are none."""
    path = folder / f"{suite}.json"
    if not path.exists():
        return None
    try:
        found = Published.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise SymbenchError(f"{path}: {where}: {first['msg']}.") from None
    if found.suite != suite:
        raise SymbenchError(
            f"{path} holds figures for '{found.suite}'; its name must be the suite's."
        )
    return found
