"""A procedural driving world that renders scenes with exact depth, semantic and instance labels."""

from drivesim.datasets.procedural.semantics import RenderedFrame, Semantic
from drivesim.datasets.procedural.world import ProceduralWorld, render_clip

__all__ = ["ProceduralWorld", "RenderedFrame", "Semantic", "render_clip"]
