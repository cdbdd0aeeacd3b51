"""Scenes and futures written in the formats of other tools."""
