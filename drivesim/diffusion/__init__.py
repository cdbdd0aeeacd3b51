"""The diffusion core: knows latents and noise levels, knows no video. Schedulers are those of diffusers."""
