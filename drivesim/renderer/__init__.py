"""A procedural driving world that renders scenes with exact depth, semantic and instance labels."""

from drivesim.renderer.semantics import RenderedFrame, Semantic
from drivesim.renderer.world import ProceduralWorld, render_clip

__all__ = ["ProceduralWorld", "RenderedFrame", "Semantic", "render_clip"]
