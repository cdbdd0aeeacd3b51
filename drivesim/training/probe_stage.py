"""Training the probe, which says what a frame shows, on frames with exact labels: supervised, no world model needed."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor

from drivesim.clip import frames_to_tensor, tensor_to_frames
from drivesim.judges.probe import (
    BoxLabels,
    Detections,
    ProbeOutputs,
    ProbeTargets,
    decode_motion,
    decode_objects,
    probe_loss,
)
from drivesim.judges.probe.network import INPUT_SIZE, MOTION_UNITS
from drivesim.metrics.matching import detection_table, match, object_table
from drivesim.metrics.obedience import TALL_PX
from drivesim.scene import CATEGORIES
from drivesim.training.judge_stage import JudgeStage
from drivesim.training.probe_batches import (
    unpack_boxes,
    unpack_targets,
)
from drivesim.training.stage import Batch

#: A figure and how many observations it is the mean of.
Figure = tuple[float, int]


class ProbeStage(JudgeStage):
    """Trains a probe; settings as in :class:`JudgeStage`."""

    part = "probe"

    def loss(self, batch: Batch, generator: torch.Generator) -> Tensor:
        """The weighted sum of all heads' losses."""
        outputs = self.network(batch["frames"], batch["previous"])
        return probe_loss(outputs, unpack_targets(batch))["total"]

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Log the figures, each weighted by what it is the mean of, so that batches add up to the whole."""
        found = self.figures(batch)
        self.measured = tuple(found)
        for name, (value, count) in found.items():
            self.log(name, value if count else 0.0, batch_size=count, sync_dist=True)

    def measures(self, batch: Batch, generator: torch.Generator) -> dict[str, Tensor]:
        """The figures of one batch, NaN where it holds nothing to judge by."""
        return {name: torch.tensor(value) for name, (value, _) in self.figures(batch).items()}

    @torch.no_grad()
    def figures(self, batch: Batch) -> dict[str, Figure]:
        """Loss, recall and precision, mean absolute errors of speed (m/s) and yaw rate (deg/s) and share of cells with
        the right class, on frames as they were; ``validation_recall_changed`` on frames as they are trained on.
        """
        clean = frames_to_tensor(batch["clean"].cpu().numpy()).to(self.device)
        outputs, targets = self.network(clean[:, 1], clean[:, 0]), unpack_targets(batch)
        recall, precision = object_figures(outputs, batch)
        recall_changed, _ = object_figures(self.network(batch["frames"]), batch)
        speed, yaw_rate = motion_figures(outputs, targets, batch["seconds"])
        return {
            "validation_loss": (float(probe_loss(outputs, targets)["total"]), len(clean)),
            "validation_recall": recall,
            "validation_precision": precision,
            "validation_recall_changed": recall_changed,
            "validation_speed_error_mps": speed,
            "validation_yaw_rate_error_dps": yaw_rate,
            "validation_semantic_accuracy": semantic_figure(outputs, targets),
        }

    @torch.no_grad()
    def pictures(self, batch: Batch) -> np.ndarray:
        """Four changed frames: left with their labels, right with what the probe finds in them."""
        few = {name: value[:4] for name, value in batch.items()}
        outputs, targets = self.network(few["frames"], few["previous"]), unpack_targets(few)
        height, width = INPUT_SIZE
        motion, seconds = decode_motion(outputs, 1.0), few["seconds"].cpu().numpy()
        wanted = targets.motion.cpu().numpy() * np.array(MOTION_UNITS)
        rows = []
        for index, found in enumerate(decode_objects(outputs, width, height)):
            frame = cv2.resize(tensor_to_frames(few["frames"][index].cpu()), (width, height))
            labelled, seen = frame.copy(), frame.copy()
            draw_labels(labelled, unpack_boxes(few["boxes"][index], width, height))
            draw_detections(seen, found)
            if targets.motion_known[index] > 0:
                _write_motion(labelled, wanted[index] / seconds[index])
            _write_motion(seen, motion[index] / seconds[index])
            rows.append(np.concatenate([labelled, seen], axis=1))
        return np.concatenate(rows)


def object_figures(outputs: ProbeOutputs, batch: Batch) -> tuple[Figure, Figure]:
    """Recall and precision at an IoU of 0.5 and the default score, of boxes at least TALL_PX tall; NaN without any."""
    height, width = INPUT_SIZE
    matchings = [
        match(unpack_boxes(batch["boxes"][index], width, height), found)
        for index, found in enumerate(decode_objects(outputs, width, height))
        if batch["boxes_known"][index]
    ]
    wanted, found = object_table(matchings), detection_table(matchings)
    return (
        _mean(wanted.found[wanted.height_px >= TALL_PX]),
        _mean(found.right[found.height_px >= TALL_PX]),
    )


def motion_figures(outputs: ProbeOutputs, targets: ProbeTargets, seconds: Tensor) -> tuple[Figure, Figure]:
    """Mean absolute errors of ego speed (m/s) and yaw rate (deg/s) where the motion is known; NaN where nowhere."""
    assert outputs.motion is not None
    known = targets.motion_known > 0
    missed = (outputs.motion - targets.motion).abs() / seconds[:, None]
    metres, radians = (missed[known].cpu().numpy() * np.array(MOTION_UNITS)).T
    return _mean(metres), _mean(np.rad2deg(radians))


def semantic_figure(outputs: ProbeOutputs, targets: ProbeTargets) -> Figure:
    """Share of the cells whose likeliest class is the one that fills most of the cell; NaN where no map is known."""
    right = outputs.semantic.argmax(1) == targets.semantic.argmax(1)
    return _mean(right[targets.semantic_known > 0].float().mean((1, 2)).cpu().numpy())


def draw_labels(picture: np.ndarray, labels: BoxLabels) -> None:
    """Draw boxes into a picture of their size, in place: green where they count, grey where not."""
    for row in range(len(labels)):
        colour = (60, 230, 60) if labels.counts[row] else (150, 150, 150)
        _draw_box(
            picture, labels.xyxy[row], colour, CATEGORIES[int(labels.category[row])] if labels.counts[row] else ""
        )


def draw_detections(picture: np.ndarray, found: Detections) -> None:
    """Draw found boxes into a picture of their size, in place, with category and score."""
    for row in range(len(found)):
        _draw_box(
            picture, found.xyxy[row], (255, 190, 40), f"{CATEGORIES[int(found.category[row])]} {found.score[row]:.2f}"
        )


def _draw_box(picture: np.ndarray, box: np.ndarray, colour: tuple[int, int, int], text: str) -> None:
    left, top, right, bottom = (round(value) for value in box)
    cv2.rectangle(picture, (left, top), (right, bottom), colour, 1)
    if bottom - top >= 12:  # the words of smaller ones would cover each other
        cv2.putText(picture, text, (left, max(8, top - 2)), cv2.FONT_HERSHEY_SIMPLEX, 0.28, colour, 1, cv2.LINE_AA)


def _write_motion(picture: np.ndarray, motion: np.ndarray) -> None:
    text = f"{motion[0]:.1f} m/s, {np.rad2deg(motion[1]):+.1f} deg/s"
    place = (4, picture.shape[0] - 6)
    cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1, cv2.LINE_AA)


def _mean(values: np.ndarray) -> Figure:
    return (float(np.mean(values)), len(values)) if len(values) else (float("nan"), 0)
