"""The hand-made scenes as fixtures."""

from hand_made import busy_scene, make_actor, make_road, make_scene

__all__ = ["busy_scene", "make_actor", "make_road", "make_scene"]
