"""World models and how to load them."""

from drivesim.models.load import load_model, model_folder, packaged_models, verify_folder

__all__ = ["load_model", "model_folder", "packaged_models", "verify_folder"]
