import socket
import time
from types import SimpleNamespace

import datasets
import huggingface_hub
import pytest

from symdata import publishing
from symdata.errors import DataError

REPO = "somebody/abstract_rules"
CONFIGS = ["same_different_m98", "rmts_m95"]


def refused(says, **arguments):
    with pytest.raises(DataError, match=says) as caught:
        publishing.publish("abstract_rules", **{"repo_id": REPO, "token": "hf_none", **arguments})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def online(monkeypatch):
    monkeypatch.setattr(publishing.constants, "HF_HUB_OFFLINE", False)


def test_without_a_token(monkeypatch):
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    assert "`build`" in refused("run `hf auth login`", token=None)


def test_offline_by_choice(monkeypatch):
    monkeypatch.setattr(publishing.constants, "HF_HUB_OFFLINE", True)
    refused("HF_HUB_OFFLINE is set")


def test_without_a_network(monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr(publishing.constants, "ENDPOINT", f"http://127.0.0.1:{port}")
    start = time.perf_counter()
    refused(f"cannot reach http://127.0.0.1:{port} .*`build`")
    assert time.perf_counter() - start < 5


def test_a_hub_that_never_answers(monkeypatch):
    monkeypatch.setattr(publishing, "TIMEOUT", 0.3)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(publishing.constants, "ENDPOINT", address)
        start = time.perf_counter()
        refused("cannot reach")
        assert time.perf_counter() - start < 5


def test_names_that_cannot_be():
    refused("write user/dataset", repo_id="abstract_rules")
    refused("write user/dataset", repo_id="some body/abstract rules")
    refused("there are: same_different_m0", configs=["rtms_m0"])


@pytest.fixture
def fake_hub(monkeypatch):
    """A hub that takes everything and keeps what it was given."""
    kept = SimpleNamespace(pushed=[], card=None)

    def push(self, repo_id, config, **arguments):
        kept.pushed.append((repo_id, config, self["train"].num_rows, arguments))

    def push_card(self, repo_id, **_):
        kept.card = self

    remote = "---\nconfigs:\n- config_name: rmts_m95\nlicense: unknown\n---\nold text\n"
    monkeypatch.setattr(publishing.HfApi, "repo_info", lambda *_, **__: None)
    monkeypatch.setattr(datasets.DatasetDict, "push_to_hub", push)
    monkeypatch.setattr(
        publishing.DatasetCard, "load", lambda *_, **__: publishing.DatasetCard(remote)
    )
    monkeypatch.setattr(publishing.DatasetCard, "push_to_hub", push_card)
    return kept


def test_what_is_published(fake_hub):
    seen = []
    address = publishing.publish(
        "abstract_rules",
        REPO,
        CONFIGS,
        private=True,
        token="hf_some",
        progress=lambda *step: seen.append(step),
    )
    assert address.endswith(f"/datasets/{REPO}")
    assert [pushed[:3] for pushed in fake_hub.pushed] == [
        (REPO, "same_different_m98", 4),
        (REPO, "rmts_m95", 480),
    ]
    for *_, arguments in fake_hub.pushed:
        assert arguments["private"] is True
        assert arguments["token"] == "hf_some"
    assert seen == [("same_different_m98", 0, 2), ("rmts_m95", 1, 2), ("", 2, 2)]
    assert fake_hub.card.data["configs"] == [{"config_name": "rmts_m95"}]
    assert fake_hub.card.data["license"] == "other"
    assert fake_hub.card.text.lstrip().startswith("# Abstract rules")


def test_a_push_that_fails_midway_is_one_line(fake_hub, monkeypatch):
    def push(self, *_, **__):
        raise ConnectionError("reset\nby peer")

    monkeypatch.setattr(datasets.DatasetDict, "push_to_hub", push)
    refused("stopped .ConnectionError: reset.: repeat it", configs=CONFIGS)
