"""Folders of video: any size and rate, with or without boxes, poses and camera beside them; see docs/own-data.md."""

from drivesim.datasets.video_folder.dataset import VideoFolderDataset, check_video_folder, survey_video_folder

__all__ = ["VideoFolderDataset", "check_video_folder", "survey_video_folder"]
