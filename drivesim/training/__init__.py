"""Training: stages as Lightning modules, recipes, and the chain that turns a store into a model folder."""

from drivesim.training.codec_stage import CodecStage, DecoderStage
from drivesim.training.feature_stage import FeatureStage
from drivesim.training.gan_stage import CodecGanStage
from drivesim.training.image_stage import ImageStage
from drivesim.training.probe_stage import ProbeStage
from drivesim.training.upsampler_stage import UpsamplerStage
from drivesim.training.video_stage import VideoStage

__all__ = [
    "CodecGanStage",
    "CodecStage",
    "DecoderStage",
    "FeatureStage",
    "ImageStage",
    "ProbeStage",
    "UpsamplerStage",
    "VideoStage",
]
