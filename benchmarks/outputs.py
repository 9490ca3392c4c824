"""What a method gives, checked and brought into the form in which it is scored and stored."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from benchmarks.protocol import OutputError, Outputs, Task

# Names of arguments of `np.savez_compressed` in any release: no array may be called like them.
_ARGUMENTS = ("file", "args", "kwds", "allow_pickle")


def checked_outputs(task: Task, outputs: Outputs, count: int) -> dict[str, np.ndarray]:
    """The outputs as arrays; raises `OutputError` where they cannot be scored."""
    if not hasattr(outputs, "keys"):
        raise OutputError(
            f"evaluate returned {type(outputs).__name__}; expected a dict of arrays with: "
            f"{', '.join(' or '.join(names) for names in task.alternatives)}."
        )
    for names in task.alternatives:
        if not any(name in outputs for name in names):
            wanted = f"no '{names[0]}', which {task.id} needs"
            if len(names) > 1:
                either = ", ".join(f"'{name}'" for name in names)
                wanted = f"none of {either}, of which {task.id} needs one"
            raise OutputError(f"evaluate gave {wanted}; it gave {', '.join(outputs) or 'nothing'}.")
    arrays = {name: _numbers(name, value) for name, value in outputs.items()}
    for name, array in arrays.items():
        if array.ndim == 0 or len(array) != count:
            raise OutputError(
                f"{name} has shape {array.shape}; expected {count} rows, one an input."
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = int((~np.isfinite(array)).sum())
            raise OutputError(f"{name} holds {bad} values that are NaN or infinite.")
    task.check(arrays, count)
    return arrays


def _numbers(name: str, value: Any) -> np.ndarray:
    """The values as an array of numbers; a torch tensor, wherever it lies, and lists are taken."""
    try:
        array = np.asarray(_plain(value))
    except ValueError:
        raise OutputError(f"{name} is no regular array: its rows differ in length.") from None
    if array.dtype.kind not in "fiub":
        raise OutputError(f"{name} has dtype {array.dtype}; expected numbers.")
    if array.dtype.kind == "f" and array.itemsize not in (4, 8):
        # Scores are computed, and Parquet files written, in these two precisions.
        array = array.astype(np.float32 if array.itemsize < 4 else np.float64)
    return np.asarray(array, dtype=array.dtype.newbyteorder("="))


def _plain(value: Any) -> Any:
    """A torch tensor as an array, in lists too; a precision that NumPy lacks becomes float32."""
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if not hasattr(value, "detach"):
        return value
    import torch

    tensor = value.detach().cpu()
    tensor = tensor if tensor.layout is torch.strided else tensor.to_dense()
    known = not tensor.is_floating_point() or tensor.dtype in (torch.float32, torch.float64)
    return (tensor if known else tensor.float()).resolve_conj().resolve_neg().numpy()


def illustrations(method: Any) -> dict[str, np.ndarray]:
    """The arrays that the method gives for pictures; raises `OutputError` for unfit ones."""
    given = getattr(method, "illustrations", None)
    if given is None:
        return {}
    if not hasattr(given, "items"):
        raise OutputError(
            f"the method's illustrations are {type(given).__name__}; expected a dict of arrays."
        )
    for name in given:
        # `np.savez` takes the arrays as keyword arguments, beside some of its own.
        if not (isinstance(name, str) and name.isidentifier()) or name in _ARGUMENTS:
            raise OutputError(
                f"an illustration is called {name!r}; expected letters, digits and '_', and none "
                f"of {', '.join(_ARGUMENTS)}."
            )
    return {name: _numbers(f"illustration '{name}'", value) for name, value in given.items()}


def explanation(method: Any) -> dict[str, Any]:
    """The method's account of what it learned, as JSON; raises `OutputError` if it has no form."""
    given = getattr(method, "explanation", None)
    if given is None:
        return {}
    try:
        text = json.dumps(given, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise OutputError(f"the method's explanation has no form in JSON: {error}.") from None
    if not isinstance(given, dict):
        raise OutputError(f"the method's explanation is {type(given).__name__}; expected a dict.")
    kept: dict[str, Any] = json.loads(text)
    return kept


def parameters(method: Any) -> int | None:
    """The number of parameters that a method states, or that it has as a torch module, if any."""
    given = getattr(method, "parameters", None)
    if callable(given):
        given = sum(getattr(one, "numel", int)() for one in given())
    return int(given) if isinstance(given, int | np.integer) else None
