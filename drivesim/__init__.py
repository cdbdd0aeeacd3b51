"""drivesim: driving-scene simulation with a box-conditioned latent-diffusion world model."""
