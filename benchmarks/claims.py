"""Claims on cells, so that runs which share a folder compute each cell once.

A claim is a small file below the folder of the records, named by the cell's key. The run that holds
it touches it every few seconds; one that was killed does not, and others take its claims over.
"""

from __future__ import annotations

import os
import platform
import threading
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from benchmarks.errors import SymbenchError

# The folder of claims below that of the records; the search for records skips dotted names.
FOLDER = ".claims"
BEAT_SECONDS = 5.0
# Network file systems may show a file's time up to a minute late.
DEAD_SECONDS = 120.0


class Claims:
    """The claims of one run; a context manager, at whose end all of them are given up.

    beat, dead: seconds between two touches, and without one until a claim counts as left behind.
    """

    def __init__(self, root: Path, beat: float = BEAT_SECONDS, dead: float = DEAD_SECONDS) -> None:
        self.folder, self.beat, self.dead = root / FOLDER, beat, dead
        self.held: set[str] = set()
        self._token = f"{_process()} {uuid.uuid4().hex}"
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def __enter__(self) -> Claims:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()
        for key in list(self.held):
            self.give_up(key)

    def take(self, key: str) -> bool:
        """Claim a cell by its key; False where another run holds it.

        Raises `SymbenchError` where the folder cannot be written to.
        """
        try:
            with self._lock:
                if self._make(key) or (self._left_behind(key) and self._make(key)):
                    self.held.add(key)
                    return True
                return False
        except OSError as error:
            where = self.folder.parent
            raise SymbenchError(f"cannot write below '{where}': {error.strerror}.") from error

    def give_up(self, key: str) -> None:
        """Give a claim up, if it is held."""
        with self._lock:
            if key in self.held:
                self.held.remove(key)
                if self._owner(key) == self._token:  # else another took it over meanwhile
                    self._path(key).unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self.folder / key

    @property
    def _clock(self) -> Path:
        return self.folder / f".{self._token.rpartition(' ')[2]}"

    def _owner(self, key: str) -> str | None:
        """The token of the run that made a claim; None where there is no claim."""
        try:
            return self._path(key).read_text()
        except OSError:
            return None

    def _make(self, key: str) -> bool:
        """Make the file of a claim, whole from the first moment, unless there is one."""
        self._clock.write_text(self._token)
        try:
            os.link(self._clock, self._path(key))
        except FileExistsError:
            return False
        except OSError:  # a file system without links
            with suppress(FileExistsError), self._path(key).open("x") as stream:
                stream.write(self._token)
                return True
            return False
        finally:
            self._clock.unlink(missing_ok=True)
        return True

    def _left_behind(self, key: str) -> bool:
        """Remove a claim whose run is gone; False where it is alive or somebody else was faster."""
        owner = self._owner(key)
        if owner is None:
            return True  # given up meanwhile
        if not (_gone(owner) or self._age(key) > self.dead):
            return False
        aside = self.folder / f".{uuid.uuid4().hex}"
        try:
            self._path(key).rename(aside)
        except FileNotFoundError:
            return False
        taken = aside.read_text()
        if taken != owner:  # another run took the old claim over, and this one is its new claim
            with suppress(OSError):
                os.link(aside, self._path(key))
        aside.unlink()
        return taken == owner

    def _age(self, key: str) -> float:
        """Seconds since a claim was touched, by the clock of the file system, which all share."""
        self._clock.write_text("")
        try:
            return self._clock.stat().st_mtime - self._path(key).stat().st_mtime
        except FileNotFoundError:
            return 0.0
        finally:
            self._clock.unlink(missing_ok=True)

    def _keep(self) -> None:
        while not self._ended.wait(self.beat):
            with self._lock:
                for key in self.held:
                    with suppress(OSError):
                        os.utime(self._path(key))


def _process() -> str:
    """A name of this process that no other has: machine, namespace, number and start."""
    space = Path("/proc/self/ns/pid")
    with suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{space.stat().st_ino} {os.getpid()}:{_start(os.getpid())}"
    return f"{platform.node()} {os.getpid()}:"


def _start(pid: int) -> str:
    """The time at which a process of Linux started, in ticks; "" where there is none that lives."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return "" if fields[0] in "ZX" else fields[19]
    return ""


def _gone(owner: str) -> bool:
    """Whether the process that made a claim ran on this machine and has ended."""
    here, _, process = owner.rpartition(" ")[0].partition(" ")
    if here != _process().partition(" ")[0] or not Path("/proc/self/stat").exists():
        return False
    pid, _, start = process.partition(":")
    return _start(int(pid)) != start
