"""The procedural world as a dataset: sample i shows the scene of seed ``first_seed`` + i."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from drivesim.clip import Clip
from drivesim.controls import Control
from drivesim.datasets.procedural.scene_sampler import sample_scene
from drivesim.datasets.sample import Sample, require_form
from drivesim.errors import InputError
from drivesim.renderer.world import ProceduralWorld

#: Scenes from this seed on are never trained on.
HELD_OUT_SEED = 1_000_000

#: Where a clip starts inside its scene, seconds: traffic has left its initial state by then.
LATEST_START_S = 6.0

#: Pictures of twice the size are kept up to this height; models make nothing larger.
LARGEST_HEIGHT = 512

FPS = 10.0
#: Settings that say how many scenes are of a kind; a store that has none of it does not name it.
_SHARES = ("junction_share", "crowd_share")

SOURCE = "drivesim procedural world"
LICENCE = "Apache-2.0"


@dataclass(frozen=True, kw_only=True)
class ProceduralDataset:
    """``num_samples`` windows of ``num_frames`` rendered frames at 10 frames a second, with exact semantic classes.

    Seeds from :data:`HELD_OUT_SEED` on are held out: never train on them. ``junction_share`` of the urban and rural roads
    have a junction, in ``crowd_share`` of the towns people walk about close before an ego that waits. Raises InputError for sizes and shares that cannot be, and for seeds on both sides of the border.
    """

    first_seed: int = 0
    num_samples: int = 1500
    num_frames: int = 12
    height: int = 256
    width: int = 512
    junction_share: float = 0.0
    crowd_share: float = 0.0

    def __post_init__(self) -> None:
        counts = {"samples": self.num_samples, "frames": self.num_frames}
        for name, count in counts.items():
            if count < 1:
                raise InputError(f"procedural world: {count} {name}, expected at least 1")
        require_form("procedural world", num_frames=self.num_frames, fps=FPS, height=self.height, width=self.width)
        if self.height < 16 or self.width < 16 or self.first_seed < 0:
            raise InputError(
                f"procedural world: pictures of {self.height}x{self.width} from seed {self.first_seed} on; expected "
                "at least 16x16 and a seed of 0 or more"
            )
        for name in _SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InputError(f"procedural world: {name} is {getattr(self, name)}; expected 0 to 1")
        if self.first_seed < HELD_OUT_SEED < self.first_seed + self.num_samples:
            raise InputError(
                f"procedural world: seeds {self.first_seed} to {self.first_seed + self.num_samples - 1} mix training "
                f"scenes and held-out ones; stay below {HELD_OUT_SEED}, or start there"
            )

    def __len__(self) -> int:
        return self.num_samples

    def __getitem__(self, index: int) -> Sample:
        """The clip of one seed. Raises IndexError outside of the dataset."""
        if not 0 <= index < self.num_samples:
            raise IndexError(f"sample {index} of {self.num_samples}")
        seed = self.first_seed + index
        rng = np.random.default_rng([seed, 77])
        start = int(rng.uniform(0.0, LATEST_START_S) * FPS)
        shares = {name: getattr(self, name) for name in _SHARES}
        scene = sample_scene(seed, start + self.num_frames, FPS, **shares)
        world = ProceduralWorld(scene, appearance_seed=seed)
        frames = [world.render(frame, self.width, self.height) for frame in range(start, start + self.num_frames)]
        window = scene.window(start, start + self.num_frames)
        resized = scene.camera.resized(self.width, self.height)
        return Sample(
            id=f"procedural-{seed:07d}",
            clip=Clip(np.stack([frame.rgb for frame in frames]), FPS),
            scene=replace(window, camera=resized),
            times_us=np.arange(start, start + self.num_frames, dtype=np.int64) * round(1e6 / FPS),
            known=frozenset(Control),
            source=SOURCE,
            licence=LICENCE,
            semantic=np.stack([frame.semantic for frame in frames]),
            large=world.render_rgb(start, 2 * self.width, 2 * self.height)
            if 2 * self.height <= LARGEST_HEIGHT
            else None,
        )

    def describe(self) -> dict[str, Any]:
        """Seeds, sizes and licence."""
        told = {name: value for name, value in asdict(self).items() if name not in _SHARES or value > 0.0}
        return {"kind": "procedural", **told, "source": SOURCE, "licence": LICENCE}
