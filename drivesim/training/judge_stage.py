"""What the stages share that train judges: networks that are no part of a model, taught by exact labels."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from drivesim.datasets.store import ClipStore
from drivesim.errors import InputError
from drivesim.judges import JUDGED_HEIGHT, JUDGED_WIDTH
from drivesim.judges.probe import FrameLabels, build_targets
from drivesim.judges.probe.augment import AugmentationConfig
from drivesim.training.parts import Dtype, Parts
from drivesim.training.probe_batches import ProbeBatches, pack_boxes, pack_targets, round_trip_codec, teaching_samples
from drivesim.training.schedule import Schedule
from drivesim.training.stage import Batch, NothingToLearn, Stage


class JudgeStage(Stage):
    """Trains the network named by ``part``; its weights go to ``work``/networks/<part>.

    An initial model gives nothing but the codec of the round trips: the network begins with random weights.
    """

    def __init__(
        self,
        work: Path,
        initial: str | None = None,
        dtype: Dtype = "auto",
        network: dict[str, Any] | None = None,
        seed: int = 0,
        schedule: Schedule = Schedule(learning_rate=1e-3, warmup_steps=200, average_decay=0.998, weight_decay=1e-2),
        codec_share: float = 0.0,
        mirrored_share: float = 0.5,
        augmentation: dict[str, float] | None = None,
    ) -> None:
        """See the recipes. ``seed`` decides the first weights and all that is drawn; ``codec_share`` of the changed pairs of
        frames go through the finished codec; ``augmentation`` changes fields of ``AugmentationConfig``.
        """
        parts = Parts(Path(work), initial, dtype)
        super().__init__(parts.fresh(self.part, network or {}, seed), parts, schedule)
        self.seed = seed
        self.mirrored_share = mirrored_share
        self.augmentation = augmentation_of(augmentation or {}, codec_share)

    def prepare(self, store: ClipStore, folder: Path) -> None:
        """Nothing to make; raises NothingToLearn when no clip knows what it shows, InputError without a codec to use."""
        require_labels(store)
        round_trip_codec(self.parts, self.augmentation)

    def example_batch(self, count: int) -> Batch:
        """Grey pairs of frames that show nothing."""
        frames = torch.zeros(count, 3, JUDGED_HEIGHT, JUDGED_WIDTH)
        return {
            "frames": frames,
            "previous": frames,
            "boxes": pack_boxes([None] * count),
            "position": torch.zeros(count, dtype=torch.long),
            **pack_targets(build_targets([FrameLabels()] * count)),
        }

    def batches(self, store: ClipStore, folder: Path) -> ProbeBatches:
        """Pairs of frames of the store."""
        return ProbeBatches(
            store,
            seed=self.seed,
            augmentation=self.augmentation,
            mirrored_share=self.mirrored_share,
            round_trips=round_trip_codec(self.parts, self.augmentation),
        )


def require_labels(store: ClipStore) -> None:
    """Raise NothingToLearn when no clip of the store knows what it shows."""
    if not len(teaching_samples(store)):
        raise NothingToLearn(
            f"{store.info.url}: no clip knows its boxes, motion, attributes or semantic classes, which the probe learns "
            "from; bare video has none of them"
        )


def augmentation_of(changes: dict[str, float], codec_share: float) -> AugmentationConfig:
    """The settings of a recipe. Raises InputError for names that are none."""
    known = {field.name for field in dataclasses.fields(AugmentationConfig)} - {"round_trip_share"}
    strange = sorted(changes.keys() - known)
    if strange:
        raise InputError(
            f"model.augmentation: no setting {', '.join(strange)}; it has {', '.join(sorted(known))}, and the round trip is "
            "model.codec_share"
        )
    settings: dict[str, Any] = {**changes, "round_trip_share": codec_share}
    return AugmentationConfig(**settings)
