"""Files that drivesim wrote itself, after anything may have happened to them: read, or refused in words; never a traceback."""

from __future__ import annotations

import dataclasses
import gzip
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from damage import mutations
from striped_dataset import StripedDataset
from tiny_model import TinyWorldModel
from tiny_video_ldm import tiny_networks

from drivesim.datasets.store import ClipStore, check_store, inspect, write_latents
from drivesim.datasets.store.layout import scenes_object, sealed
from drivesim.datasets.video_folder.boxes import read_boxes
from drivesim.datasets.video_folder.camera_file import read_camera_file
from drivesim.datasets.video_folder.poses import read_poses
from drivesim.errors import DriveSimError
from drivesim.metrics.estimate import exact
from drivesim.models.differences import network_differences
from drivesim.models.hashes import recorded_hashes, write_hashes
from drivesim.models.video_ldm.config import VideoLDMConfig
from drivesim.models.video_ldm.format import PARTS, read_config
from drivesim.models.video_ldm.load import save_networks
from drivesim.packing import pack
from drivesim.report import Figure, Report, Section
from drivesim.report.page import render_html
from drivesim.runs.cost import Cost, remember_cost, remembered_cost
from drivesim.runs.inspection import inspect_run
from drivesim.runs.manifest import Manifest
from drivesim.runs.records import read_future_record, read_segment_record
from drivesim.runs.tracks import read_tracks
from drivesim.storage import SEAL, sealed_text
from drivesim.training.done import read_done

sys.path.append(str(Path(__file__).parent / "runs"))

from make_tiny_run import make_tiny_run, tiny_manifest

FEW, MANY = 300, 5_000

TRACKS = (
    "frame,t_s,id,category,x,y,z,yaw_rad,speed_mps,length,width,height,conditioned\n"
    "0,0.000,ego,ego,0.0,0.0,0.0,0.0,10.0,,,,1\n0,0.000,a,car,9.0,0.0,0.7,0.0,9.0,4.5,1.8,1.4,1\n"
    "1,0.100,ego,ego,1.0,0.0,0.0,0.0,10.0,,,,1\n"
)
BOXES = "time_s,track_id,class,x,y,z,length,width,height,yaw_rad\n0.0,a,car,10,0,0.8,4.5,1.8,1.5,0.0\n"
POSES = "time_s,x,y,z,yaw_rad\n0.0,0,0,0,0\n0.1,1,0,0,0\n0.2,2,0,0,0\n"
CAMERA = '{"fx": 300, "fy": 300, "cx": 64, "cy": 32, "width": 128, "height": 64, "mount": {"x": 1.7, "y": 0, "z": 1.5}}'


@dataclass(frozen=True)
class Kind:
    """Files of one kind: each a path and what reads it."""

    files: tuple[tuple[Path, Callable[[Path], Any]], ...]
    #: Writes a mutated content; by default as it is.
    write: Callable[[Path, bytes], Any] = Path.write_bytes


def resealed(path: Path, content: bytes) -> None:
    """A mutated content that vouches for itself, where that can be: then its types alone stand between it and the reader."""
    try:
        values = json.loads(content)
    except (ValueError, RecursionError):
        values = None
    if path.name in ("zarr.json", "tracks.csv") or not isinstance(values, dict):
        path.write_bytes(content)
    elif "content_sha256" in values:
        try:
            path.write_bytes(sealed(values.get("content")))
        except ValueError:  # NaN
            path.write_bytes(content)
    else:
        path.write_text(sealed_text({key: value for key, value in values.items() if key != SEAL}))


def manifest_files(folder: Path) -> Kind:
    path = folder / "manifest.json"
    path.write_text(tiny_manifest(TinyWorldModel()).to_json())
    return Kind(((path, lambda p: Manifest.from_json(p.read_bytes(), str(p))),), resealed)


def run_files(folder: Path) -> Kind:
    """What lies beside a run's manifest, and what trained stages leave."""
    run = folder / "run"
    make_tiny_run(run, manifest=tiny_manifest(TinyWorldModel(), num_frames=13), tracks=TRACKS)
    done = folder / "done.json"
    done.write_text(json.dumps({"updates": 7, "draws": 70, "settings": {"data": {"path": "s.zarr"}}}))
    future = run / "futures/f00/future.json"
    return Kind(
        (
            (future, read_future_record),
            (run / "futures/f00/segments/000000.json", read_segment_record),
            (run / "tracks.csv", read_tracks),
            (done, read_done),
            (future, lambda path: list(inspect_run(run))),
        ),
        resealed,
    )


def side_files(folder: Path) -> Kind:
    """What users put beside a video."""
    times = np.arange(5) / 10.0
    files: dict[str, tuple[str, Callable[[Path], Any]]] = {
        "a.boxes.csv": (BOXES, lambda path: read_boxes(path, times, 0.0)),
        "a.poses.csv": (POSES, lambda path: read_poses(path, times, 0.0)),
        "a.camera.json": (CAMERA, read_camera_file),
    }
    for name, (text, _) in files.items():
        (folder / name).write_text(text)
    return Kind(tuple((folder / name, read) for name, (_, read) in files.items()))


def store_files(folder: Path) -> Kind:
    """Everything about a store but its arrays."""
    url = folder / "s.zarr"
    pack(StripedDataset(length=5), url, shard_size=2)
    write_latents(url, "ab" * 32, lambda frames: frames[:, None, ::8, ::8, 0])
    scenes = url / scenes_object(0)

    def read(path: Path) -> None:
        info = inspect(url)
        assert info.layout.samples == 5
        store = ClipStore(url)
        store.sample(0)
        store.read("latents", 0)

    def zipped(path: Path, content: bytes) -> None:
        if path == scenes:
            path.write_bytes(gzip.compress(content, compresslevel=1))
        else:
            resealed(path, content)

    names = (
        "zarr.json",
        "finished.json",
        "shards/00000.json",
        "latents/zarr.json",
        "encoded/finished.json",
        "encoded/00001.json",
    )
    reading = [(url / name, reader) for name in names for reader in (read, lambda path: check_store(url))]
    return Kind((*reading, (scenes, read)), zipped)


def model_files(folder: Path) -> Kind:
    """Configuration and hashes of a model folder."""
    model = folder / "toy"
    save_networks(tiny_networks(), VideoLDMConfig(name="toy"), model)
    write_hashes(model)

    def part(name: str) -> tuple[Path, Callable[[Path], Any]]:
        return model / name / "config.json", lambda path: network_differences(path.parent, PARTS[name], {})

    return Kind(
        (
            (model / "model.json", lambda path: read_config(path.parent)),
            (model / "hashes.json", lambda path: recorded_hashes(path.parent)),
            *map(part, PARTS),
        )
    )


def report_files(folder: Path) -> Kind:
    path = folder / "report.json"
    figure = Figure(key="a.b", label="A", value=exact(1.0), references={"frozen": exact(0.5)})
    path.write_text(
        Report(title="T", subject="S", sections=(Section(title="A", about="B", figures=(figure,)),)).to_json()
    )
    return Kind(((path, lambda p: render_html(Report.from_json(p.read_bytes(), str(p)))),))


KINDS = {
    "manifest": manifest_files,
    "side files of a run": run_files,
    "side files of a video": side_files,
    "store metadata": store_files,
    "model config": model_files,
    "report": report_files,
}


def mutate_all(kind: Kind, count: int) -> int:
    """Read every mutation of every file of a kind, ``count`` in all; returns how many were refused."""
    refused = 0
    each = -(-count // len(kind.files))
    for number, (path, read) in enumerate(kind.files):
        whole = path.read_bytes()
        content = gzip.decompress(whole) if path.suffix == ".gz" else whole
        for mutated in mutations(content, each, seed=number):
            kind.write(path, mutated)
            try:
                read(path)
            except DriveSimError as error:
                assert str(error).strip() and "Traceback" not in str(error)
                refused += 1
        path.write_bytes(whole)
        read(path)
    return refused


@pytest.mark.parametrize("name", KINDS)
def test_a_mutated_file_is_read_or_refused_in_words(name: str, tmp_path: Path) -> None:
    assert mutate_all(KINDS[name](tmp_path), FEW) > FEW // 10


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_thousands_of_mutated_files(name: str, tmp_path: Path) -> None:
    assert mutate_all(KINDS[name](tmp_path), MANY) > MANY // 10


def mutate_the_memory(folder: Path, monkeypatch: pytest.MonkeyPatch, count: int) -> int:
    """Whatever becomes of the memory of speeds, it is a cache: measured anew, written anew; returns how often it was of use."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    given = {field.name: 1.5 for field in dataclasses.fields(Cost)}
    cost = Cost(**{**given, "chunk_frames": 4, "overlap": True})
    manifest = tiny_manifest(TinyWorldModel())
    remember_cost(manifest, cost)
    path = folder / "drivesim" / "cost.json"
    used = 0
    for mutated in mutations(path.read_bytes(), count):
        path.write_bytes(mutated)
        found = remembered_cost(manifest)
        used += found is not None
        assert found is None or found.is_plausible
        remember_cost(manifest, cost)
        assert remembered_cost(manifest) == cost
    return used


def test_a_mutated_memory_of_speeds_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mutate_the_memory(tmp_path, monkeypatch, FEW) < FEW // 2


@pytest.mark.slow
def test_thousands_of_mutated_memories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert mutate_the_memory(tmp_path, monkeypatch, MANY) < MANY // 2
