"""The tests' own model keeps the contract that it stands in for."""

from __future__ import annotations

import pytest
from conformance import WorldModelConformance
from tiny_model import TinyWorldModel


class TestTinyWorldModel(WorldModelConformance):
    @pytest.fixture
    def model(self) -> TinyWorldModel:
        return TinyWorldModel()
