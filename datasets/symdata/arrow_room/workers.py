"""Rendering over several processes, each with an interpreter of its own.

Mitsuba does not survive a fork, and a spawned process would run the user's script again; so each
worker is started as a program that reads rooms from its input and writes images to its output. It
ends when its input does, that is, whenever and however the process that started it does.

Letters: N rooms.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

import numpy as np

from symdata.arrow_room.rooms import Rooms
from symdata.cores import cores
from symdata.errors import DataError

_START = "from symdata.arrow_room.workers import serve; serve()"


def render(
    rooms: Rooms, pieces: Sequence[slice], size: int, samples: int, processes: int | None = None
) -> Iterator[tuple[slice, np.ndarray]]:
    """Each piece of the rooms with its images (N, H, W, 3), as they get ready."""
    count = max(1, min(processes or cores(), len(pieces)))
    workers = [_Worker() for _ in range(count)]
    free: SimpleQueue[_Worker] = SimpleQueue()
    for worker in workers:
        free.put(worker)

    def one(piece: slice) -> tuple[slice, np.ndarray]:
        worker = free.get()
        images = worker.ask((rooms.take(piece), size, samples))
        free.put(worker)
        return piece, images

    threads = ThreadPoolExecutor(count)
    try:
        waiting = iter(pieces)
        open_: set[Future[tuple[slice, np.ndarray]]] = set()
        # A piece is asked for only when another is ready, so that an interruption loses few.
        for piece in waiting:
            open_.add(threads.submit(one, piece))
            if len(open_) == count:
                ready, open_ = wait(open_, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ready)
        while open_:
            ready, open_ = wait(open_, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ready)
    finally:
        for worker in workers:
            worker.stop()
        threads.shutdown(wait=True, cancel_futures=True)


class _Worker:
    """A process that renders, and the pipes to and from it."""

    def __init__(self) -> None:
        self.complaints = tempfile.TemporaryFile()  # noqa: SIM115
        path = os.pathsep.join(place for place in sys.path if place)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.complaints,
            env={**os.environ, "PYTHONPATH": path},
        )

    def ask(self, question: Any) -> np.ndarray:
        """Images that answer a question (rooms, size, samples)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            pickle.dump(question, self.process.stdin)
            self.process.stdin.flush()
            return np.asarray(pickle.load(self.process.stdout))
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            raise DataError(f"a process that renders has died: {self._last_words()}.") from None

    def _last_words(self) -> str:
        code = self.process.wait()
        self.complaints.seek(0)
        lines = self.complaints.read().decode(errors="replace").strip().splitlines()
        return lines[-1].rstrip(".") if lines else f"exit status {code}, and no message"

    def stop(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.complaints):
            if stream is not None:
                with suppress(OSError):  # the process can no longer read the rest
                    stream.close()


def serve() -> None:
    """Render what comes in until the input ends; the program of a worker."""
    from symdata.arrow_room.rendering import render

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not run into the images
    while True:
        try:
            question = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(render(*question), answers)
        answers.flush()
