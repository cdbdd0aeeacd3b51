"""Reading a store: samples a second as each stage reads them at random, beside what its training step takes here.

python benchmarks/store.py [--store data/procedural.zarr] [--compression]

Reading happens in one thread; the training step has ``--threads``. A sample is a frame with its masks (codec), a latent frame
with its layout (image), or a window of latents with all controls (video). Without --store a store is packed first.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numcodecs import Blosc, Zstd

from drivesim.datasets.procedural.dataset import ProceduralDataset
from drivesim.datasets.store import ClipStore
from drivesim.models.load import load_model
from drivesim.packing import pack
from drivesim.training import CodecStage, ImageStage, VideoStage
from drivesim.training.encode import encode_store
from drivesim.training.image_stage import FRAME_CONTROLS
from drivesim.training.stage import Stage

#: Batch sizes of the default recipe.
BATCH_SIZES = {"codec": 16, "image": 64, "video": 8}
WINDOW = 8


def read_codec(store: ClipStore, rng: np.random.Generator) -> None:
    """One frame with its masks."""
    clip, frame = int(rng.integers(len(store))), int(rng.integers(store.frames_per_clip))
    store.read("rgb", clip, frame)
    if store.gives("semantic", clip):
        store.read("semantic", clip, frame)


def read_image(store: ClipStore, rng: np.random.Generator) -> None:
    """Latents and controls of one frame."""
    clip, frame = int(rng.integers(len(store))), int(rng.integers(store.frames_per_clip))
    for name in ("latents", *FRAME_CONTROLS):
        store.read(name, clip, frame)


def read_video(store: ClipStore, rng: np.random.Generator) -> None:
    """Latents and controls of a window."""
    clip, first = int(rng.integers(len(store))), int(rng.integers(store.frames_per_clip - WINDOW + 1))
    for name in ("latents", *FRAME_CONTROLS, "motion"):
        store.read(name, clip, slice(first, first + WINDOW))


READERS = {"codec": read_codec, "image": read_image, "video": read_video}


def reading_rate(store: ClipStore, read: Callable[[ClipStore, np.random.Generator], None], count: int) -> float:
    """Samples a second of a reader whose shard indices are warm."""
    rng = np.random.default_rng(0)
    for _ in range(count // 4):
        read(store, rng)
    started = time.perf_counter()
    for _ in range(count):
        read(store, rng)
    return count / (time.perf_counter() - started)


def training_rate(stage: Stage, batch_size: int, steps: int) -> float:
    """Samples a second that loss and gradients of a stage take up; the optimizer would take more time."""
    batch = stage.example_batch(batch_size)
    seconds = []
    for _ in range(steps + 1):
        started = time.perf_counter()
        stage.loss(batch, torch.Generator().manual_seed(0)).backward()
        seconds.append(time.perf_counter() - started)
    return batch_size / statistics.median(seconds[1:])


def compression_table(frames: np.ndarray) -> None:
    """Size and speed of lossless codecs on single frames (N, H, W, 3), one thread, best of five."""
    candidates = {
        "blosc lz4 1": Blosc("lz4", clevel=1, shuffle=Blosc.NOSHUFFLE),
        "blosc lz4 1 bits": Blosc("lz4", clevel=1, shuffle=Blosc.BITSHUFFLE),
        "blosc zstd 1": Blosc("zstd", clevel=1, shuffle=Blosc.NOSHUFFLE),
        "blosc zstd 3": Blosc("zstd", clevel=3, shuffle=Blosc.NOSHUFFLE),
        "zstd 1 + checksum": Zstd(level=1, checksum=True),
        "zstd 3 + checksum": Zstd(level=3, checksum=True),
        "zstd 6 + checksum": Zstd(level=6, checksum=True),
    }
    print(f"\n{'compression':20} {'ratio':>6} {'kB/frame':>9} {'write ms':>9} {'read ms':>8}")
    for name, codec in candidates.items():
        packed = [codec.encode(np.ascontiguousarray(frame)) for frame in frames]
        write = best_of(5, lambda codec=codec: [codec.encode(np.ascontiguousarray(frame)) for frame in frames])
        read = best_of(5, lambda codec=codec, packed=packed: [codec.decode(part) for part in packed])
        size, per_frame = sum(map(len, packed)), 1e3 / len(frames)
        print(
            f"{name:20} {frames.nbytes / size:6.2f} {size / len(frames) / 1e3:9.1f} "
            f"{write * per_frame:9.2f} {read * per_frame:8.2f}"
        )


def best_of(times: int, work: Callable[[], object]) -> float:
    """Seconds of the quickest of several runs."""
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="a store with controls; one is packed when it is not given")
    parser.add_argument("--clips", type=int, default=24, help="clips of the store that is packed")
    parser.add_argument("--reads", type=int, default=400)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2, help="the best of so many rounds counts")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compression", action="store_true", help="compare codecs on the store's frames, nothing else")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as scratch:
        url = arguments.store or f"{scratch}/procedural.zarr"
        if not arguments.store:
            pack(ProceduralDataset(num_samples=arguments.clips), url, workers=arguments.threads)
        store = ClipStore(url)
        if arguments.compression:
            clips = np.linspace(0, len(store) - 1, 24).astype(int)
            compression_table(np.stack([store.read("rgb", int(clip), 0) for clip in clips]))
            return
        if store.info.encoder is None:
            encode_store(load_model("default", device="cpu").networks.codec, url)
            store = ClipStore(url)
        work = Path(scratch) / "work"
        stages = {"codec": CodecStage, "image": ImageStage, "video": VideoStage}
        print(f"{'stage':8} {'batch':>6} {'read /s':>9} {'step takes /s':>14} {'ratio':>7}")
        for name, kind in stages.items():
            size = BATCH_SIZES[name]
            stage = kind(work, initial="default")
            rounds = range(arguments.rounds)
            reads = max(reading_rate(store, READERS[name], arguments.reads) for _ in rounds)
            takes = max(training_rate(stage, size, arguments.steps) for _ in rounds)
            print(f"{name:8} {size:6d} {reads:9.0f} {takes:14.1f} {reads / takes:7.0f}")


if __name__ == "__main__":
    main()
