"""Windows of play as two examples each: `read(folder)` reads train.npz, test.npz and val.npz.

Each file holds `data`, (W, 50, 22) in feet on the left half-court: the ball, five players of the
offence and five of the defence, x and y of each. Every second frame is kept, the ball is left out,
and the two teams become two examples. Where there is no val.npz, 31 of 208 windows of the training
file (the share that the paper validates on) are the validation split, always the same ones; both
teams of a window stay together.

Source: Zhan, Sun, Kennedy, Yue and Chaudhuri, "Unsupervised Learning of Neurosymbolic Encoders"
(TMLR 2022), basketball.

Letters: W windows, N = 2 W examples, T+1 = 25 kept frames.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from symdata.basketball import DATA
from symdata.errors import DataError
from symdata.file_faults import first_fault
from symdata.root import folder_of, hashes, twice
from symdata.sampling import Draw
from symdata.sources import DEFAULT, DataSources
from symdata.trajectories import Trajectories, length, speed, warned

PLAYERS = 5
NUMBERS = 2 * PLAYERS
QUANTITIES = ("speed", "x", "y", "distance_to_basket")
REDUCTIONS = ("average", "max", "min")
FEATURES = tuple(f"{quantity}_{reduction}" for quantity in QUANTITIES for reduction in REDUCTIONS)

_CONSTANTS = DATA.settings("default")
FRAMES: int = _CONSTANTS["frames"]
EVERY: int = _CONSTANTS["every"]
KEPT = len(range(0, FRAMES, EVERY))
BASKET = np.array(_CONSTANTS["basket"])
"""x and y of the basket, feet."""

_KEY = "data"
# Length and width of the whole court, feet; positions may lie a few feet outside.
_COURT, _OUTSIDE = (94.0, 50.0), 5.0


def load(config: str, seed: int = 0, sources: DataSources = DEFAULT) -> dict[str, Trajectories]:
    """The splits of the files that a user has brought."""
    return read(folder_of(DATA.name, DATA.needs, sources))


def missing(config: str, sources: DataSources = DEFAULT) -> str | None:
    """Line where the files for training and for the test are one; None where they are two."""
    paths = _paths(folder_of(DATA.name, DATA.needs, sources))
    test = paths.pop("test")
    return twice(list(paths.values()), [test])


def read(folder: Path) -> dict[str, Trajectories]:
    """The splits "train", "validation" and "test" of a folder; `DataError` where a file is bad."""
    paths = _paths(folder)
    windows = {split: _windows(path) for split, path in paths.items()}
    if "validation" not in windows:
        held = _held_out(len(windows["train"]))
        windows["validation"] = windows["train"][held]
        windows["train"] = windows["train"][~held]
    splits = {split: _examples(windows[split]) for split in ("train", "validation", "test")}
    return warned(splits, paths["test"])


def identity(folder: Path) -> dict[str, Any]:
    """Identity of the data, in JSON: a hash of each file."""
    return {"files": hashes(folder, list(_paths(folder).values()))}


def features(players: np.ndarray) -> dict[str, np.ndarray]:
    """Four quantities of each player, each reduced over the players by average, maximum, minimum.

    players: (N, T+1, 5, 2), feet → (N, T+1) float32 each. x, y and the distance to the basket are
    in feet; the speed is the distance from the kept frame before, feet a kept frame.
    """
    points = players.astype(np.float64)
    values = {
        "speed": np.swapaxes(speed(np.swapaxes(points, 1, 2)), 1, 2),
        "x": points[..., 0],
        "y": points[..., 1],
        "distance_to_basket": length(points - BASKET),
    }
    reductions: dict[str, Callable[..., np.ndarray]] = {
        "average": _average,
        "max": np.max,
        "min": np.min,
    }
    return {
        f"{quantity}_{reduction}": reductions[reduction](values[quantity], axis=2).astype(
            np.float32
        )
        for quantity in QUANTITIES
        for reduction in REDUCTIONS
    }


def _average(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of a few numbers, added from the first to the last, as every machine does alike."""
    return np.asarray(sum(np.moveaxis(values, axis, 0)) / values.shape[axis])


def _examples(windows: np.ndarray) -> Trajectories:
    """Examples, 2 W, of windows (W, 50, 22): offence and defence of the first, and so on."""
    teams = windows[:, ::EVERY, 2:].reshape(-1, KEPT, 2, PLAYERS, 2)
    players = np.swapaxes(teams, 1, 2).reshape(-1, KEPT, PLAYERS, 2)
    shift, scale = np.array(_CONSTANTS["shift"]), np.array(_CONSTANTS["scale"])
    states = ((players - shift) / scale).astype(np.float32).reshape(-1, KEPT, NUMBERS)
    labels = np.tile(np.arange(2, dtype=np.int64), len(windows))
    return Trajectories(states, features(players), labels, DATA.classes)


def _held_out(count: int) -> np.ndarray:
    """Windows for validation, (W,) bool, by a fixed draw."""
    part, whole = _CONSTANTS["validation"]
    held = np.zeros(count, dtype=bool)
    chosen = round(count * part / whole)
    held[Draw(DATA.name, DATA.version, "validation", seed=0).permutation(count)[:chosen]] = True
    return held


def _paths(folder: Path) -> dict[str, Path]:
    """Files by split; "validation" only where there is a file for it."""
    paths = {"train": folder / "train.npz", "test": folder / "test.npz"}
    for path in paths.values():
        if not path.is_file():
            raise DataError(f"no file {path}; {DATA.name} is read from train.npz and test.npz.")
    if (folder / "val.npz").is_file():
        paths["validation"] = folder / "val.npz"
    return paths


def _windows(path: Path) -> np.ndarray:
    """Read and check the windows of a file: (W, 50, 22) float32, feet."""
    advice = f"it must hold '{_KEY}', (windows, {FRAMES}, {2 + 2 * NUMBERS}) numbers in feet"
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile) or _KEY not in file:
            raise DataError(f"{path} is no .npz file with an array '{_KEY}'; {advice}.")
        with file:
            data = file[_KEY]
    except DataError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        if (line := first_fault([path])) is not None:
            raise DataError(line) from None
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} cannot be read ({reason}); get the file again.") from None
    if data.dtype.kind not in "fiu" or data.shape[1:] != (FRAMES, 2 + 2 * NUMBERS):
        raise DataError(
            f"{path}: '{_KEY}' is {data.shape} of type {data.dtype}; it must be "
            f"(windows, {FRAMES}, {2 + 2 * NUMBERS}) numbers in feet."
        )
    if len(data) == 0:
        raise DataError(f"{path}: '{_KEY}' holds no windows.")
    finite = np.isfinite(data).all(axis=(1, 2))
    if not finite.all():
        raise DataError(
            f"{path}: '{_KEY}' is not finite in {(~finite).sum()} of {len(data)} windows, first in "
            f"window {int(np.argmin(finite))}; leave such windows out of the file."
        )
    wrong = _not_feet(data[..., 2:])
    if wrong is not None:
        raise DataError(f"{path}: '{_KEY}' must be in feet on the left half-court, {wrong}.")
    return np.asarray(data, dtype=np.float32)


def _not_feet(players: np.ndarray) -> str | None:
    """Phrase on the unit or the place that positions seem to have instead; None where they fit.

    players: (W, 50, 20), x and y of ten players.
    """
    axes = players[..., 0::2], players[..., 1::2]
    seen = ", ".join(
        f"{name} from {axis.min():.4g} to {axis.max():.4g}"
        for name, axis in zip("xy", axes, strict=True)
    )
    wide = axes[1].max() - axes[1].min()
    if wide <= 2:
        return f"and is within {seen}: it seems to be divided by the size of the court"
    if wide <= 17 and axes[0].max() <= 31:
        return f"and is within {seen}: it seems to be in metres; divide it by 0.3048"
    for axis, size in zip(axes, _COURT, strict=True):
        if np.mean((axis < -_OUTSIDE) | (axis > size + _OUTSIDE)) > 0.01:
            return (
                f"x from 0 to 47 and y from 0 to 50, and has {seen}: it seems to be in another "
                "unit, or to have another origin than a corner of the court"
            )
    right = np.median(axes[0], axis=(1, 2)) > _COURT[0] / 2
    if right.any():
        return (
            f"and {right.sum()} of {len(players)} windows, first window {int(np.argmax(right))}, "
            "are on the right half: turn them, to 94 - x and 50 - y"
        )
    return None
