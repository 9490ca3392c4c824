"""Pushes data sets to the Hugging Face hub: `publish("abstract_rules", "user/abstract_rules")`.

Every failure is one line that says the way out.
"""

from __future__ import annotations

from collections.abc import Sequence

import huggingface_hub
from huggingface_hub import DatasetCard, HfApi, constants
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, RepositoryNotFoundError

import symdata
from symdata import hub
from symdata.errors import DataError
from symdata.sources import DEFAULT, DataSources

# Seconds without an answer after which the hub counts as out of reach.
TIMEOUT = 10.0


def publish(
    dataset: str,
    repo_id: str,
    configs: Sequence[str] | None = None,
    seed: int = 0,
    private: bool = False,
    token: str | None = None,
    progress: hub.Progress | None = None,
    sources: DataSources = DEFAULT,
) -> str:
    """Push configurations (all if None) one after the other, and the card's text last.

    Returns the dataset's address there.
    """
    data = symdata.dataset(dataset)
    if data.unpublished:
        raise DataError(
            f"{dataset} is not published, because {data.unpublished}; `build` writes it to a "
            f"folder for your own use."
        )
    names = hub.chosen(data, configs, sources)
    card = hub.card_of(data)
    instead = f"or write {data.name} with `build` and upload the folder from elsewhere"
    if repo_id.count("/") != 1:
        raise DataError(f"'{repo_id}' is no name on the hub; write user/dataset.")
    token = token or huggingface_hub.get_token()
    if token is None:
        raise DataError(f"publishing needs a token of the hub: run `hf auth login`, {instead}.")
    if constants.HF_HUB_OFFLINE:
        raise DataError(f"HF_HUB_OFFLINE is set: unset it to publish, {instead}.")
    _reach(repo_id, token, instead)
    try:
        for done, config in enumerate(names):
            if progress is not None:
                progress(config, done, len(names))
            hub.load(data.name, config, seed, sources).push_to_hub(
                repo_id,
                config,
                # A subset must not take the default away from what is there already.
                set_default=config == next(iter(data.configs)) or None,
                private=private,
                token=token,
                commit_message=f"{data.name} {data.version}, {config}, seed {seed}",
            )
        _push_card(card, repo_id, token)
        if progress is not None:
            progress("", len(names), len(names))
    except Exception as error:
        raise DataError(
            f"publishing to {repo_id} stopped ({_line(error)}): repeat it, {instead}."
        ) from error
    return f"{constants.ENDPOINT}/datasets/{repo_id}"


def _reach(repo_id: str, token: str, instead: str) -> None:
    """Raise unless the hub answers and takes the token; asked first, as pushing has no timeout."""
    try:
        HfApi(endpoint=constants.ENDPOINT, token=token).repo_info(
            repo_id, repo_type="dataset", timeout=TIMEOUT
        )
    except RepositoryNotFoundError as error:
        # The hub also answers a bad token with this error, but with status 401.
        if error.response is not None and error.response.status_code == 401:
            raise DataError(
                "the hub refuses the token: run `hf auth login` for a new one."
            ) from None
    except HFValidationError:
        raise DataError(f"'{repo_id}' is no name on the hub; write user/dataset.") from None
    except HfHubHTTPError as error:
        raise DataError(f"the hub refuses {repo_id} ({_line(error)}): {instead[3:]}.") from None
    except Exception as error:
        raise DataError(
            f"cannot reach {constants.ENDPOINT} ({_line(error)}): try with a network, {instead}."
        ) from None


def _push_card(card: DatasetCard, repo_id: str, token: str) -> None:
    """Push the card's text and front matter; keep the configurations that `push_to_hub` listed."""
    pushed = DatasetCard.load(repo_id, token=token)
    for key, value in card.data.to_dict().items():
        pushed.data[key] = value
    pushed.text = card.text
    pushed.push_to_hub(repo_id, token=token, commit_message="Update the card")


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else 'no message'}"
