"""Isolation of a method's code: what it changes in its process is undone, and said.

Published code sets NumPy's error state, torch's default type or the working folder as if it were
alone. Left in place, such a change would alter the scores of whatever runs next in the process.
Changes that the table here lacks, such as a patched class of torch, end with the process: the
harness gives each cell of a method that is not part of symbench a process of its own.
"""

from __future__ import annotations

import decimal
import gc
import locale
import logging
import multiprocessing
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_SIGNALS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]
# Variables that libraries set when they are imported, without an effect on any later cell.
_HARMLESS = ("KMP_DUPLICATE_LIB_OK", "KMP_INIT_AT_FORK", "TORCHINDUCTOR_CACHE_DIR")


def _same(value: Any) -> Any:
    return value


def _nothing(_: Any) -> None:
    return None


@dataclass(frozen=True)
class _State:
    """A part of the state of the process, and how to read and write it.

    said: the part of a value in which a change is said; other changes are undone without a word,
    as imports make them. new: the value in a new process, for parts of torch, which may be loaded
    only later.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], Any]
    said: Callable[[Any], Any] = _same
    new: Any = None


def _torch() -> Any:
    return sys.modules["torch"]


def _folder() -> str:
    try:
        return str(Path.cwd())
    except FileNotFoundError:
        return "one that is gone"


def _write_folder(folder: str) -> None:
    with suppress(FileNotFoundError):
        os.chdir(folder)


def _write_environment(values: Mapping[str, str]) -> None:
    for name in os.environ.keys() - values.keys():
        del os.environ[name]
    os.environ.update(values)


def _said_of_environment(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name not in _HARMLESS}


def _write_handlers(handlers: Mapping[int, Any]) -> None:
    for number, handler in handlers.items():
        if handler is not None and signal.getsignal(number) is not handler:
            with suppress(ValueError):  # outside the main thread, where none can have been set
                signal.signal(number, handler)


_TIMERS = [
    getattr(signal, name)
    for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF")
    if hasattr(signal, name)
]


def _timers() -> list[bool]:
    """Which of the timers that send a signal run, `signal.alarm` among them."""
    return [signal.getitimer(one)[0] > 0 for one in _TIMERS]


def _write_timers(run: list[bool]) -> None:
    for one, before in zip(_TIMERS, run, strict=True):
        if not before:
            signal.setitimer(one, 0)


def _write_filters(filters: list[Any]) -> None:
    warnings.filters[:] = filters  # type: ignore[index]
    # Tells Python that its notes on which warnings it has shown are out of date.
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _said_of_filters(filters: list[Any]) -> list[str]:
    """The actions of filters that hold for every warning, as `simplefilter` sets them."""
    return [
        action
        for action, message, kind, module, _ in filters
        if (message, kind, module) == (None, Warning, None)
    ]


def _decimal() -> decimal.Context:
    return decimal.getcontext().copy()


def _threads() -> dict[str, int]:
    """The threads of each loaded library of linear algebra, by its file."""
    from threadpoolctl import threadpool_info

    return {one["filepath"]: one["num_threads"] for one in threadpool_info()}


def _write_threads(before: Mapping[str, int]) -> None:
    from threadpoolctl import ThreadpoolController

    for one in ThreadpoolController().lib_controllers:
        if one.filepath in before:
            one.set_num_threads(before[one.filepath])


def _write_autocast(values: Mapping[str, bool]) -> None:
    for device, value in values.items():
        _torch().set_autocast_enabled(device, value)
    _torch().clear_autocast_cache()


def _autocast_depth() -> int:
    """The number of blocks of autocast that are open.

    Torch keeps weights in half precision until the outermost ends: with a block left open, every
    later training would compute with its first weights.
    """
    depth: int = _torch().autocast_increment_nesting()
    _torch().autocast_decrement_nesting()
    return depth - 1


def _write_autocast_depth(depth: int) -> None:
    while _autocast_depth() > depth:
        _torch().autocast_decrement_nesting()
    while _autocast_depth() < depth:
        _torch().autocast_increment_nesting()
    _torch().clear_autocast_cache()


def _cuda_random() -> Any:
    cuda = _torch().cuda
    return cuda.get_rng_state_all() if cuda.is_initialized() else None


def _write_cuda_random(state: Any) -> None:
    if state is not None:
        _torch().cuda.set_rng_state_all(state)


def _attributes(
    owner: Callable[[], Any], *names: str
) -> tuple[Callable[[], Any], Callable[[Any], Any]]:
    """A reader and a writer of attributes of an object."""

    def read() -> Any:
        return tuple(getattr(owner(), name) for name in names)

    def write(values: Any) -> None:
        for name, value in zip(names, values, strict=True):
            setattr(owner(), name, value)

    return read, write


def _content(of: list[str]) -> tuple[Callable[[], list[str]], Callable[[list[str]], Any]]:
    """A reader and a writer of a list's content."""
    return of.copy, lambda value: of.__setitem__(slice(None), value)


_OF_PYTHON = (
    _State("the working folder", _folder, _write_folder),
    _State("environment variables", os.environ.copy, _write_environment, _said_of_environment),
    _State("sys.path", *_content(sys.path)),
    _State("sys.argv", *_content(sys.argv)),
    _State("NumPy's error state", np.geterr, lambda value: np.seterr(**value)),
    _State("filters of warnings", lambda: [*warnings.filters], _write_filters, _said_of_filters),
    _State("the level of logging", lambda: logging.root.manager.disable, logging.disable),
    _State("streams of sys", *_attributes(lambda: sys, "stdin", "stdout", "stderr")),
    _State("the limit of recursion", sys.getrecursionlimit, sys.setrecursionlimit),
    _State("garbage collection", gc.isenabled, lambda on: gc.enable() if on else gc.disable()),
    _State("decimal's context", _decimal, decimal.setcontext, lambda context: context.prec),
    _State(
        "the locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda value: locale.setlocale(locale.LC_ALL, value),
    ),
    _State(
        "handlers of signals",
        lambda: {one: signal.getsignal(one) for one in _SIGNALS},
        _write_handlers,
        lambda value: {one.name: handler for one, handler in value.items()},
    ),
    _State("timers", _timers, _write_timers),
    _State(
        "how processes start",
        lambda: multiprocessing.get_start_method(allow_none=True),
        lambda value: multiprocessing.set_start_method(value, force=True),
        # The first use of a pool settles it, without a change for anybody else.
        lambda value: value or multiprocessing.get_all_start_methods()[0],
    ),
    _State("Python's random numbers", random.getstate, random.setstate, _nothing),
    _State(
        "NumPy's random numbers",
        lambda: np.random.get_state(legacy=False),  # noqa: NPY002 (what others have set)
        np.random.set_state,
        _nothing,
    ),
    _State(
        "threads of linear algebra",
        _threads,
        _write_threads,
        lambda value: {Path(file).name: count for file, count in value.items()},
    ),
)
# Where torch is imported within the block, the values before it are those of a new process.
_OF_TORCH = (
    _State(
        "torch's default type",
        lambda: str(_torch().get_default_dtype()).removeprefix("torch."),
        lambda value: _torch().set_default_dtype(getattr(_torch(), value)),
        new="float32",
    ),
    _State(
        "torch's default device",
        lambda: str(_torch().get_default_device()),
        lambda value: _torch().set_default_device(None if value == "cpu" else value),
        new="cpu",
    ),
    _State(
        "torch's threads",
        lambda: _torch().get_num_threads(),
        lambda value: value and _torch().set_num_threads(value),
        lambda value: value or _torch().get_num_threads(),
    ),
    _State(
        "whether torch keeps gradients",
        lambda: _torch().is_grad_enabled(),
        lambda value: _torch().set_grad_enabled(value),
        new=True,
    ),
    _State(
        "torch's deterministic algorithms",
        lambda: (
            _torch().are_deterministic_algorithms_enabled(),
            _torch().is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda value: _torch().use_deterministic_algorithms(value[0], warn_only=value[1]),
        new=(False, False),
    ),
    _State(
        "torch's search for anomalies",
        lambda: (_torch().is_anomaly_enabled(), _torch().is_anomaly_check_nan_enabled()),
        lambda value: _torch().autograd.set_detect_anomaly(*value),
        new=(False, True),
    ),
    _State(
        "the precision of torch's products",
        lambda: _torch().get_float32_matmul_precision(),
        lambda value: _torch().set_float32_matmul_precision(value),
        new="highest",
    ),
    _State(
        "whether torch rounds tiny numbers to zero",
        lambda: _torch().full((1,), 1e-40, dtype=_torch().float32, device="cpu").mul(1).item() == 0,
        lambda value: _torch().set_flush_denormal(value),
        new=False,
    ),
    _State(
        "flags of cuDNN",
        *_attributes(
            lambda: _torch().backends.cudnn, "enabled", "benchmark", "deterministic", "allow_tf32"
        ),
        new=(True, False, False, True),
    ),
    _State(
        "torch's autocast",
        lambda: {one: _torch().is_autocast_enabled(one) for one in ("cpu", "cuda")},
        _write_autocast,
        new={"cpu": False, "cuda": False},
    ),
    _State("open autocast", _autocast_depth, _write_autocast_depth, _nothing, new=0),
    _State(
        "torch's random numbers",
        lambda: _torch().get_rng_state(),
        lambda value: value is None or _torch().set_rng_state(value),
        _nothing,
    ),
    _State("CUDA's random numbers", _cuda_random, _write_cuda_random, _nothing),
)


@contextmanager
def undisturbed() -> Iterator[list[str]]:
    """Undo, at the end of the block, what its code changes in the process.

    Yields a list that then holds what was changed, in words. Within the block `os._exit` raises
    `SystemExit` in this process, and a standard input that is no terminal is empty, so that nothing
    waits for it.
    """
    changed: list[str] = []
    with _exits_raised(), _input_empty():
        states = [(one, one.read()) for one in _OF_PYTHON]
        loaded = "torch" in sys.modules
        states += [(one, one.read() if loaded else one.new) for one in _OF_TORCH]
        try:
            yield changed
        finally:
            if "torch" not in sys.modules:
                states = [(state, before) for state, before in states if state in _OF_PYTHON]
            changed += [line for state, before in states for line in _change(state, before)]
            for state, before in states:
                # Random numbers are arrays, which cannot be compared so; the others cost time.
                if state.said is _nothing or state.read() != before:
                    state.write(before)


@contextmanager
def _exits_raised() -> Iterator[None]:
    """Let `os._exit` raise `SystemExit` in this process."""
    leave, process = os._exit, os.getpid()

    def stop(code: int) -> None:
        if os.getpid() != process:  # a child that `os.fork` made ends in this way
            leave(code)
        raise SystemExit(f"os._exit({code})")

    os._exit = stop  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


@contextmanager
def _input_empty() -> Iterator[None]:
    """Let standard input be empty, unless it is a terminal, at which somebody may debug."""
    given = sys.stdin
    if given is not None and not given.closed and given.isatty():
        yield
        return
    with Path(os.devnull).open() as sys.stdin:
        try:
            yield
        finally:
            sys.stdin = given


def _change(state: _State, before: Any) -> list[str]:
    """The change of a state in words, as a list of one; empty where there is none to say."""
    was, now = state.said(before), state.said(state.read())
    if was == now:
        return []
    if isinstance(was, Mapping):
        names = sorted(str(name) for name in {*was, *now} if was.get(name) != now.get(name))
        return [f"{state.name} ({', '.join(names[:5])})"]
    simple = isinstance(was, str | int | bool) and isinstance(now, str | int | bool)
    return [f"{state.name} ({was} to {now})" if simple else state.name]
