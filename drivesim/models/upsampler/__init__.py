"""A diffusion upsampler of video, which a model of any family may have as a further part."""
