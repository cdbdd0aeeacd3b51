"""LVDM (He et al. 2022, "Latent Video Diffusion Models for High-Fidelity Long Video Generation")."""
