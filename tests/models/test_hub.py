"""Models on a hub: fetched once, read from the cache without a network, pushed, and every failure explained.

The client reads its settings when it is imported, so each setting has a process of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from forking import ForkServer
from tiny_hub import Repositories, serve

from drivesim.models import verify_folder
from drivesim.models.hub import is_hub_id

PROGRAM = Path(__file__).with_name("hub_lines.py")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with ForkServer(PROGRAM, tmp_path_factory.mktemp("said")) as started:
        yield started


def run(server: ForkServer, home: Path, *lines: str, **settings: str) -> list[str]:
    """What each line gave in one fresh process with the hub client's settings."""
    settings = {"HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1", "HF_TOKEN": "hf_secret", **settings}
    results = home / "results.json"
    done = server.run(json.dumps(settings), results, *lines)
    assert done.returncode == 0, done.stderr
    return json.loads(results.read_text())


def content(folder: Path) -> dict[str, bytes]:
    """The files of a folder by relative path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def cached(home: Path, repo_id: str, files: dict[str, bytes]) -> None:
    """Put a snapshot into the hub client's cache, laid out as the client does."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = home / "hub" / f"models--{repo_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    for name, data in files.items():
        path = repository / "snapshots" / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def test_what_counts_as_a_hub_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "owner" / "here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert is_hub_id("owner/elsewhere")
    for local in (
        "default",
        "owner/here",
        "./owner/x",
        "../owner",
        "/tmp/x",
        "a/b/c",
        "owner/",
        Path("owner/elsewhere"),
    ):
        assert not is_hub_id(local), local


def test_a_cached_model_needs_no_network(server: ForkServer, model_folder: Path, tmp_path: Path) -> None:
    files = content(model_folder)
    cached(tmp_path, "me/whole", files)
    cached(tmp_path, "me/part", {name: data for name, data in files.items() if "temporal/diffusion" not in name})
    cached(tmp_path, "me/other", {"README.md": b"something else"})
    loaded, compiler, part, other, absent = run(
        server,
        tmp_path,
        "load_model('me/whole', device='cpu').world_model.spec.weights_sha256",
        "'torch._dynamo' in __import__('sys').modules",
        "load_model('me/part')",
        "load_model('me/other')",
        "load_model('me/absent')",
        HF_HUB_OFFLINE="1",
    )
    assert loaded == verify_folder(model_folder)
    assert compiler == "False", "importing torch's compiler takes longer than loading a model: kept_network.py"
    assert "diffusion_pytorch_model.safetensors: the file is missing" in part
    assert "'me/other' is not a drivesim model, model.json is missing" in other
    assert (
        "'me/absent': no such folder here, no complete copy in the local cache" in absent and "HF_HUB_OFFLINE" in absent
    )


def test_without_a_network_the_message_says_what_to_do(server: ForkServer, tmp_path: Path) -> None:
    fetched, pushed = run(
        server,
        tmp_path,
        "fetch_model('me/absent')",
        "__import__('drivesim.models.hub').models.hub.upload_model('x', 'me/absent', commit_message='x')",
        HF_ENDPOINT="http://127.0.0.1:9",
    )
    assert (
        "no complete copy in the local cache" in fetched
        and "ConnectError" in fetched
        and "copy the model folder here" in fetched
    )
    assert "ConnectError" in pushed and "Check the network" in pushed


def test_of_a_sentence_encoder_no_code_and_no_pickle_is_fetched(server: ForkServer, tmp_path: Path) -> None:
    wanted = {
        "config.json": b"{}",
        "model.safetensors": b"0",
        "tokenizer.json": b"{}",
        "vocab.txt": b"rain",
        "1_Pooling/config.json": b"{}",
    }
    beside = {"pytorch_model.bin": b"evil", "modeling_evil.py": b"evil", "onnx/model.onnx": b"0"}
    repositories: Repositories = {"me/words": {**wanted, **beside}, "me/other": {"model.json": b"{}"}}
    with serve(repositories) as (address, _):
        folder, other = run(
            server, tmp_path, "fetch_encoder('me/words')", "fetch_encoder('me/other')", HF_ENDPOINT=address
        )
    assert content(Path(folder)) == wanted
    assert "'me/other' is not a sentence encoder, config.json is missing" in other


def test_pushed_and_fetched_again(server: ForkServer, model_folder: Path, tmp_path: Path) -> None:
    (model_folder / "README.md").write_text("# A toy\n")
    repositories: Repositories = {
        "me/pickles": {"model.json": b"{}", "pytorch_model.bin": b"evil", "weights.safetensors": b"0"},
        "me/language": {"config.json": b"{}", "huge.safetensors": b"0" * 1000},
        "me/toy": {"codec/old.safetensors": b"0", "LICENSE": b"mine"},
    }
    with serve(repositories) as (address, requests):
        pushed, loaded, again, pickles, language, absent, revision = run(
            server,
            tmp_path,
            f"load_model({str(model_folder)!r}, device='cpu').push_to_hub('me/toy', private=True, commit_message='A toy')",
            "load_model('me/toy', device='cpu').world_model.spec.weights_sha256",
            "fetch_model('me/toy').is_relative_to(%r)" % str(tmp_path),  # noqa: UP031
            "load_model('me/pickles')",
            "load_model('me/language')",
            "load_model('me/absent')",
            "load_model('me/toy', revision='v9')",
            HF_ENDPOINT=address,
        )
    assert pushed.startswith(f"{address}/me/toy/commit/")
    assert repositories["me/toy"] == {**content(model_folder), "LICENSE": b"mine"}
    assert loaded == verify_folder(model_folder)
    assert again == "True"
    assert "hashes.json is missing" in pickles
    assert not [line for line in requests if "pytorch_model.bin" in line]
    assert "'me/language' is not a drivesim model" in language
    assert not [line for line in requests if "huge.safetensors" in line]
    assert "'me/absent': no such folder here and no such repository on the hub" in absent
    assert "no branch, tag or commit 'v9'" in revision
