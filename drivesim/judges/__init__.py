"""The networks that judge video: the probe, the features, their shipped weights and how they are loaded."""

#: The size at which judges look at frames, in pixels.
JUDGED_HEIGHT, JUDGED_WIDTH = 256, 512
