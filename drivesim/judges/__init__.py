"""The networks that judge video: the probe, the features, their shipped weights and how they are loaded."""
