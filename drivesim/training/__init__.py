"""Training: stages as Lightning modules, recipes, and the chain that turns a store into a model folder."""

from drivesim.training.codec_stage import CodecStage
from drivesim.training.decoder_stage import DecoderStage
from drivesim.training.feature_stage import FeatureStage
from drivesim.training.gan_stage import DecoderGanStage
from drivesim.training.image_stage import ImageStage
from drivesim.training.lvdm_stages import ClipAutoencoder3DStage, ClipGan3DStage, FactorisedDenoiserStage
from drivesim.training.points_stage import PointsStage
from drivesim.training.probe_stage import ProbeStage
from drivesim.training.pvdm_stages import PlaneAutoencoderStage, PlaneDenoiserStage, PlaneGanStage
from drivesim.training.video_stage import VideoStage

__all__ = [
    "ClipAutoencoder3DStage",
    "ClipGan3DStage",
    "CodecStage",
    "DecoderGanStage",
    "DecoderStage",
    "FactorisedDenoiserStage",
    "FeatureStage",
    "ImageStage",
    "PlaneAutoencoderStage",
    "PlaneDenoiserStage",
    "PlaneGanStage",
    "PointsStage",
    "ProbeStage",
    "VideoStage",
]
