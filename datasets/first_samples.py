"""The first samples of a dataset, to try things out on less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drivesim.datasets.sample import Sample, SampleDataset
from drivesim.errors import InputError


@dataclass(frozen=True)
class FirstSamples:
    """The first ``count`` samples of ``dataset``. Raises InputError when it holds fewer."""

    dataset: SampleDataset
    count: int

    def __post_init__(self) -> None:
        if not 1 <= self.count <= len(self.dataset):
            raise InputError(f"{self.count} samples asked for, the source holds {len(self.dataset)}")

    @property
    def problems(self) -> list[str]:
        """What was wrong with the source, as the dataset itself says it."""
        return list(getattr(self.dataset, "problems", ()))

    @property
    def notes(self) -> list[str]:
        """What the dataset says of its recordings."""
        return list(getattr(self.dataset, "notes", ()))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        """The sample of the dataset. Raises IndexError outside of the first ``count``."""
        if not 0 <= index < self.count:
            raise IndexError(f"sample {index} of {self.count}")
        return self.dataset[index]

    def describe(self) -> dict[str, Any]:
        """The dataset's description and the number of samples."""
        return {**self.dataset.describe(), "first_samples": self.count}
