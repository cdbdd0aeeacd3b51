"""Model folders and sentence encoders on the Hugging Face hub: fetching one by "owner/name", and uploading. Nothing else touches a network.

The client is huggingface_hub with its own settings: HF_HOME (cache), HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivesim.errors import ModelError

#: What is fetched and uploaded; anything else in a repository, pickles above all, stays where it is.
FETCHED = ["*.safetensors", "*.json", "*.md"]
#: The same of a sentence encoder: its network, how it pools, and its tokenizer.
FETCHED_OF_ENCODER = [
    "config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json", "model*.safetensors*", "tokenizer*",
    "special_tokens_map.json", "vocab.*", "merges.txt", "*.model",
]  # fmt: skip
_HTTP_LIBRARIES = ("httpx", "httpx2", "requests")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]*\w")


def is_hub_id(name: str | Path) -> bool:
    """Whether a name is "owner/name" and nothing of this machine, not even a link; a Path never is."""
    return isinstance(name, str) and _HUB_ID.fullmatch(name) is not None and not os.path.lexists(name)


def fetch_model(repo_id: str, revision: str | None = None) -> Path:
    """The folder of a hub model in the local cache, fetched where it is not there yet.

    ``revision`` is a branch, tag or commit; the main branch by default. With HF_HUB_OFFLINE=1, or without a network, a
    cached copy is used. Raises ModelError when there is none, no such repository or revision, or no drivesim model in it.
    """
    return _fetched(repo_id, revision, ["model.json", "hashes.json"], FETCHED, "drivesim model")


def fetch_encoder(repo_id: str) -> Path:
    """The folder of a sentence encoder, in the layout of transformers, as :func:`fetch_model` fetches a model's."""
    return _fetched(repo_id, None, ["config.json"], FETCHED_OF_ENCODER, "sentence encoder")


def _fetched(repo_id: str, revision: str | None, telling: list[str], patterns: list[str], kind: str) -> Path:
    """A repository's files of some patterns; the first of the ``telling`` files is there in every one of its kind."""
    from huggingface_hub import snapshot_download

    with _explained(repo_id, revision):
        # The small files first: a repository of another kind may hold hundreds of gigabytes of safetensors.
        first = Path(snapshot_download(repo_id, revision=revision, allow_patterns=telling))
        if not (first / telling[0]).is_file():
            raise ModelError(f"hub repository {repo_id!r} is not a {kind}, {telling[0]} is missing ({first})")
        return Path(snapshot_download(repo_id, revision=first.name, allow_patterns=patterns))


def upload_model(
    folder: Path, repo_id: str, *, private: bool | None = None, token: str | None = None, commit_message: str
) -> str:
    """Make the repository where it is missing, and its content exactly this model folder; returns the commit's address.

    Safetensors and JSON files there that the folder does not hold are deleted; other files of the repository stay.
    Raises ModelError without a valid token or without a network.
    """
    from huggingface_hub import HfApi

    api = HfApi(token=token)
    with _explained(repo_id, None):
        made = api.create_repo(repo_id, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=made.repo_id,
            folder_path=folder,
            commit_message=commit_message,
            allow_patterns=FETCHED,
            delete_patterns=["*.safetensors", "*.json"],
        )
    return str(commit.commit_url)


@contextmanager
def _explained(repo_id: str, revision: str | None) -> Iterator[None]:
    """Turn the client's exceptions into messages that say what to do."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        raise ModelError(
            f"hub repository {repo_id!r} is gated: accept its terms on its page, then log in with 'hf auth login'"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise ModelError(
            f"model {repo_id!r}: no such folder here and no such repository on the hub. Check the spelling; for a "
            "private repository, log in with 'hf auth login' or set HF_TOKEN."
        ) from error
    except errors.RevisionNotFoundError as error:
        raise ModelError(f"hub repository {repo_id!r} has no branch, tag or commit {revision!r}") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        raise ModelError(
            f"model {repo_id!r}: no such folder here, no complete copy in the local cache, and the hub cannot be asked "
            f"({_reason(error)}). Load it once with a network and without HF_HUB_OFFLINE, or copy the model folder here."
        ) from error
    except errors.HFValidationError as error:
        raise ModelError(f"{repo_id!r} is no hub id: {error}. Expected owner/name.") from error
    except (errors.HfHubHTTPError, errors.LocalTokenNotFoundError) as error:
        raise ModelError(
            f"hub repository {repo_id!r}: {_reason(error)}. Log in with 'hf auth login' or set HF_TOKEN to a token that "
            "may do this."
        ) from error
    except Exception as error:
        # Without a network the client raises whatever its HTTP library does, and which one that is has changed before.
        if type(error).__module__.split(".")[0] not in _HTTP_LIBRARIES:
            raise
        raise ModelError(f"hub repository {repo_id!r}: {_reason(error)}. Check the network and try again.") from error


def _reason(error: BaseException) -> str:
    """The first line of the innermost cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
