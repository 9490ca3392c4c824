"""Download of CalMS21 from its own page, only when somebody asks for it.

`download(folder)` takes Task 1, and with `unlabeled=True` the unlabelled videos as well.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pooch

from symdata.errors import DataError

PAGE = "https://data.caltech.edu/records/s0vdx-0k302"
LICENCE = (
    "CalMS21 (Sun et al., NeurIPS Datasets and Benchmarks 2021) is licensed under CC-BY-NC-SA 4.0 "
    f"(https://creativecommons.org/licenses/by-nc-sa/4.0/); its page is {PAGE}."
)

# Bytes of one piece of a download.
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Archive:
    """Zip file on the page; members: the files in it that are wanted."""

    url: str
    md5: str
    members: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file's name on the page."""
        return PurePosixPath(self.url.partition("?")[0]).name


TASK1 = Archive(
    f"{PAGE}/files/task1_classic_classification.zip?download=1",
    "8a02654fddae28614ee24a6a082261b8",
    tuple(f"task1_classic_classification/calms21_task1_{part}.json" for part in ("train", "test")),
)
UNLABELED = Archive(
    f"{PAGE}/files/unlabeled_videos.zip?download=1",
    "35ab3acdeb231a3fe1536e38ad223b2e",
    tuple(f"unlabeled_videos/calms21_unlabeled_videos_part{part}.json" for part in range(1, 5)),
)


def download(
    folder: str | Path, unlabeled: bool = False, say: Callable[[str], None] = print
) -> list[Path]:
    """Fetch the files that are not yet in the folder, and return the paths of all.

    say: takes the lines on the licence and on what goes where, before anything is fetched. Each
    file appears whole or not at all, and the archives are not kept.
    """
    target = Path(folder)
    say(LICENCE)
    paths = []
    for archive in (TASK1, UNLABELED) if unlabeled else (TASK1,):
        wanted = [target / PurePosixPath(member).name for member in archive.members]
        if all(path.is_file() for path in wanted):
            say(f"{archive.name}: its files are in {target} already.")
        else:
            say(f"{archive.name}: from {PAGE} to {target}.")
            _fetch(archive, target)
        paths += wanted
    return paths


def _fetch(archive: Archive, target: Path) -> None:
    """Fetch one archive, check its MD5, and put its wanted members into the folder."""
    names = " and ".join(PurePosixPath(member).name for member in archive.members)
    instead = f"or download {archive.name} from {PAGE} elsewhere and put {names} into {target}"
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"cannot write to {target} ({error.strerror}): choose a folder.") from None
    try:
        with tempfile.TemporaryDirectory(prefix=".download-", dir=target) as scratch:
            path = pooch.retrieve(
                archive.url,
                known_hash=f"md5:{archive.md5}",
                fname=archive.name,
                path=scratch,
                downloader=pooch.HTTPDownloader(progressbar=True, chunk_size=_CHUNK),
            )
            with zipfile.ZipFile(path) as file:
                for member in archive.members:
                    whole = Path(scratch) / PurePosixPath(member).name
                    with file.open(member) as source, whole.open("wb") as sink:
                        shutil.copyfileobj(source, sink)
                    whole.replace(target / whole.name)
    except OSError as error:
        # Errors of the network are among these.
        raise DataError(
            f"{archive.name} could not be fetched ({_line(error)}): try again with a network, "
            f"{instead}."
        ) from None
    except ValueError:
        raise DataError(
            f"{archive.name} does not have the MD5 {archive.md5}: it was cut short or is another "
            f"file; try again, {instead}."
        ) from None
    except (KeyError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{archive.name} is not the archive that was expected ({_line(error)}); see {PAGE}."
        ) from None


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
