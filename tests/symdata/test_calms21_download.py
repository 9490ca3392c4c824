"""The download, from a server in this process."""

import hashlib
import io
import socket
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from symdata.calms21 import download
from symdata.errors import DataError


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A page that offers both archives, with their true checksums; the folder that it shows."""
    shown = tmp_path / "page"
    shown.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(shown)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    for name in ("TASK1", "UNLABELED"):
        archive = getattr(download, name)
        content = zipped({member: member.encode() for member in archive.members})
        (shown / archive.name).write_bytes(content)
        offer(monkeypatch, name, server.server_port, hashlib.md5(content).hexdigest())
    yield shown
    server.shutdown()
    server.server_close()


def zipped(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for member, text in {**files, "task1/large_features.json": b"unwanted"}.items():
            file.writestr(member, text)
    return content.getvalue()


def offer(monkeypatch, name, port, md5):
    archive = getattr(download, name)
    url = f"http://127.0.0.1:{port}/{archive.name}?download=1"
    monkeypatch.setattr(download, name, download.Archive(url, md5, archive.members))


def present(folder):
    return sorted(path.name for path in folder.rglob("*"))


def refused(folder, says, **arguments):
    with pytest.raises(DataError, match=says) as caught:
        download.download(folder, say=lambda line: None, **arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_addresses_are_those_of_the_official_page():
    assert download.TASK1.name == "task1_classic_classification.zip"
    assert download.UNLABELED.name == "unlabeled_videos.zip"
    for archive in (download.TASK1, download.UNLABELED):
        assert archive.url.startswith("https://data.caltech.edu/records/s0vdx-0k302/files/")
        assert len(archive.md5) == 32


def test_only_what_is_wanted_arrives_and_the_licence_is_said_first(page, tmp_path, capsys):
    folder, said = tmp_path / "data" / "calms21", []

    def say(line):
        said.append((line, present(folder) if folder.exists() else []))

    paths = download.download(folder, say=say)
    task1 = ["calms21_task1_test.json", "calms21_task1_train.json"]
    assert sorted(path.name for path in paths) == present(folder) == task1
    member = "task1_classic_classification/calms21_task1_train.json"
    assert (folder / "calms21_task1_train.json").read_text() == member
    assert "CC-BY-NC-SA 4.0" in said[0][0]
    assert str(folder) in said[1][0]
    assert said[0][1] == said[1][1] == []
    assert "100%" in capsys.readouterr().err

    parts = [f"calms21_unlabeled_videos_part{k}.json" for k in range(1, 5)]
    (page / download.TASK1.name).unlink()
    assert len(download.download(folder, unlabeled=True, say=say)) == 6
    assert present(folder) == task1 + parts
    assert any("already" in line for line, _ in said)


def test_another_file_is_refused_and_nothing_is_left(page, tmp_path):
    (page / download.TASK1.name).write_bytes(zipped({"other": b""}))
    line = refused(tmp_path / "data", "does not have the MD5")
    assert "calms21_task1_train.json and calms21_task1_test.json into" in line
    assert present(tmp_path / "data") == []


def test_an_archive_without_the_wanted_files_is_refused(page, tmp_path, monkeypatch):
    content = zipped({"other": b""})
    (page / download.TASK1.name).write_bytes(content)
    port = int(download.TASK1.url.split(":")[2].split("/")[0])
    offer(monkeypatch, "TASK1", port, hashlib.md5(content).hexdigest())
    refused(tmp_path / "data", "not the archive that was expected")
    (page / download.TASK1.name).write_bytes(b"no zip")
    offer(monkeypatch, "TASK1", port, hashlib.md5(b"no zip").hexdigest())
    refused(tmp_path / "data", "not the archive that was expected")
    assert present(tmp_path / "data") == []


def test_without_a_network_or_the_file(page, tmp_path, monkeypatch):
    (page / download.TASK1.name).unlink()
    line = refused(tmp_path / "data", r"could not be fetched \(HTTPError: 404")
    assert "calms21_task1_test.json" in line
    assert download.PAGE in line
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    offer(monkeypatch, "TASK1", port, "0" * 32)
    refused(tmp_path / "data", r"could not be fetched \(ConnectionError: ")
    assert present(tmp_path / "data") == []
    (tmp_path / "file").write_text("mine")
    refused(tmp_path / "file", "cannot write to .*file .File exists")
