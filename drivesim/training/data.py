"""The data module: one store, one stream of draws, batches made by the stage that is trained."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from torch.utils.data import DataLoader, Dataset

from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.training.stage import Batch, Batches, Stage
from drivesim.training.stream import Draw, SampleStream


class StageData(pl.LightningDataModule):
    """Batches of a packed store for whatever stage the trainer has.

    ``validation_share`` of the samples, evenly spread, are never trained on; ``validation_batches`` fixed batches
    (rounded up to a multiple of the number of processes) are drawn from them. ``num_workers`` 0 reads in the training process, which is right on few cores.
    """

    def __init__(
        self,
        path: str = "data/procedural.zarr",
        batch_size: int = 16,
        num_workers: int = 0,
        seed: int = 0,
        validation_share: float = 0.03,
        validation_batches: int = 4,
    ) -> None:
        super().__init__()
        if not 0.0 < validation_share < 0.5:
            raise InputError(f"data.validation_share is {validation_share}; it must lie between 0 and 0.5")
        if batch_size < 1:
            raise InputError(f"data.batch_size is {batch_size}; at least 1 is needed")
        self.path = path
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.validation_share = validation_share
        self.validation_batches = validation_batches

    @property
    def stage(self) -> Stage:
        """The module that is trained."""
        module = self.trainer.lightning_module  # type: ignore[union-attr]
        assert isinstance(module, Stage)
        return module

    @property
    def folder(self) -> Path:
        """The stage's folder."""
        return Path(self.trainer.default_root_dir)  # type: ignore[union-attr]

    def prepare_data(self) -> None:
        """Make the stage's caches, in one process."""
        store = ClipStore(self.path)
        store.require_samples()
        self.stage.prepare(store, self.folder)

    def setup(self, stage: str) -> None:
        """Open the store and split it."""
        self.batches = self.stage.batches(ClipStore(self.path), self.folder)
        self.training, self.validation = split(len(self.batches), self.validation_share)

    def train_dataloader(self) -> DataLoader[Batch]:
        """Batches of this process, from where the checkpoint left the stream."""
        stream = SampleStream(
            len(self.training),
            self.batch_size,
            seed=self.seed,
            start=self.stage.draws_seen,
            rank=self.trainer.global_rank,  # type: ignore[union-attr]
            world_size=self.trainer.world_size,  # type: ignore[union-attr]
        )
        return self._loader(self.training, stream)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The fixed validation batches of this process."""
        world, rank = self.trainer.world_size, self.trainer.global_rank  # type: ignore[union-attr]
        stream = SampleStream(len(self.validation), self.batch_size, seed=self.seed + 1)
        size = self.batch_size
        batches = [
            tuple(stream.draw(position) for position in range(index * size, (index + 1) * size))
            for index in range(rank, world * -(-self.validation_batches // world), world)
        ]
        return self._loader(self.validation, batches)

    def _loader(self, samples: Sequence[int], draws: Any) -> DataLoader[Batch]:
        return DataLoader(
            _Drawn(self.batches, samples),
            sampler=draws,
            batch_size=None,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=self.trainer.accelerator.__class__.__name__ == "CUDAAccelerator",  # type: ignore[union-attr]
            multiprocessing_context=_worker_context() if self.num_workers else None,
        )


def _worker_context() -> Any:
    """How workers start: as forks of a process that has imported what they need, once, and run none of torch's threads; where
    there are no such forks each imports for itself.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__package__])
    return context


class _Drawn(Dataset[Batch]):
    """Batches by their draws; ``samples`` maps a place in the split to the store's sample."""

    def __init__(self, batches: Batches, samples: Sequence[int]) -> None:
        self.batches = batches
        self.samples = samples

    def __getitem__(self, draws: Sequence[Draw]) -> Batch:
        return self.batches([Draw(draw.position, int(self.samples[draw.sample])) for draw in draws])


def split(num_samples: int, validation_share: float) -> tuple[list[int], list[int]]:
    """Indices for training and for validation; every k-th sample validates. Raises InputError below two samples."""
    if num_samples < 2:
        raise InputError(f"the store holds {num_samples} usable sample(s); training needs at least 2. Pack more data")
    step = max(2, round(1.0 / validation_share))
    validation = list(range(step // 2, num_samples, step)) or [num_samples - 1]
    chosen = set(validation)
    return [index for index in range(num_samples) if index not in chosen], validation
