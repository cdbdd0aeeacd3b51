"""The procedural world as a dataset: random scenes, rendered with exact labels."""
