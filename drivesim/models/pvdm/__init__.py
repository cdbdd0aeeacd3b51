"""PVDM (Yu et al. 2023, "Video Probabilistic Diffusion Models in Projected Latent Space")."""
