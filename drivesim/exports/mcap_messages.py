"""Frames, boxes and calibration as the messages that Foxglove knows (protobuf schemas ``foxglove.*``).

Fixed frame ``world``, moving frames ``ego`` (rear axle on the ground, x forward, y left, z up) and ``camera_front``
(optical: x right, y down, z forward). Quaternions there are x, y, z, w.
"""

from __future__ import annotations

import numpy as np
from foxglove_schemas_protobuf.CameraCalibration_pb2 import CameraCalibration
from foxglove_schemas_protobuf.Color_pb2 import Color
from foxglove_schemas_protobuf.CompressedVideo_pb2 import CompressedVideo
from foxglove_schemas_protobuf.CubePrimitive_pb2 import CubePrimitive
from foxglove_schemas_protobuf.FrameTransform_pb2 import FrameTransform
from foxglove_schemas_protobuf.FrameTransforms_pb2 import FrameTransforms
from foxglove_schemas_protobuf.ImageAnnotations_pb2 import ImageAnnotations
from foxglove_schemas_protobuf.KeyValuePair_pb2 import KeyValuePair
from foxglove_schemas_protobuf.LinePrimitive_pb2 import LinePrimitive
from foxglove_schemas_protobuf.Log_pb2 import Log
from foxglove_schemas_protobuf.Point2_pb2 import Point2
from foxglove_schemas_protobuf.Point3_pb2 import Point3
from foxglove_schemas_protobuf.PointsAnnotation_pb2 import PointsAnnotation
from foxglove_schemas_protobuf.Pose_pb2 import Pose as FoxglovePose
from foxglove_schemas_protobuf.Quaternion_pb2 import Quaternion
from foxglove_schemas_protobuf.SceneEntity_pb2 import SceneEntity
from foxglove_schemas_protobuf.SceneEntityDeletion_pb2 import SceneEntityDeletion
from foxglove_schemas_protobuf.SceneUpdate_pb2 import SceneUpdate
from foxglove_schemas_protobuf.TextAnnotation_pb2 import TextAnnotation
from foxglove_schemas_protobuf.Vector3_pb2 import Vector3
from google.protobuf.timestamp_pb2 import Timestamp

from drivesim.exports.contents import SYNTHETIC, Occurrence, PictureBox, Source, SourcedTraffic
from drivesim.geometry import FloatArray, quaternion_of_rotation, rotation_zyx
from drivesim.metrics.criticality import EgoSize
from drivesim.road import Road, line_offset
from drivesim.scene import Actor, Box, Camera, Pose, Track
from drivesim.traffic.dimensions import EGO_HEIGHT_M

WORLD, EGO, CAMERA = "world", "ego", "camera_front"

#: Red, green, blue of boxes by where they come from, 0 to 1.
COLOURS: dict[Source, tuple[float, float, float]] = {"conditioned": (0.2, 0.75, 1.0), "measured": (1.0, 0.6, 0.1)}

_LINE_STEP_M = 5.0
_LINE_WIDTH_PX = 2.0


def video_message(time_ns: int, data: bytes) -> CompressedVideo:
    """One frame of H.264 in Annex B."""
    return CompressedVideo(timestamp=_stamp(time_ns), frame_id=CAMERA, data=data, format="h264")


def calibration_message(time_ns: int, camera: Camera) -> CameraCalibration:
    """The pinhole camera at the video's size; P is K with a column of zeros."""
    intrinsics = camera.intrinsics()
    projection = np.concatenate([intrinsics, np.zeros((3, 1))], axis=1)
    return CameraCalibration(
        timestamp=_stamp(time_ns),
        frame_id=CAMERA,
        width=camera.width,
        height=camera.height,
        K=intrinsics.ravel().tolist(),
        R=np.eye(3).ravel().tolist(),
        P=projection.ravel().tolist(),
    )


def transforms_message(time_ns: int, ego: Pose, camera: Camera) -> FrameTransforms:
    """Where the ego is in the world, and the camera on the ego."""
    return FrameTransforms(
        transforms=[
            _transform(time_ns, WORLD, EGO, ego.matrix()),
            _transform(time_ns, EGO, CAMERA, camera.ego_from_optical()),
        ]
    )


def traffic_message(time_ns: int, traffic: SourcedTraffic, frame: int, gone: list[str]) -> SceneUpdate:
    """Boxes of everyone present at a frame, and of the conditioned ones the ego's; ``gone`` are those to take away."""
    stamp = _stamp(time_ns)
    entities = [
        _entity(stamp, actor.id, WORLD, actor.box(frame), traffic.source, _facts(actor, traffic))
        for actor in traffic.actors
        if actor.track.present[frame]
    ]
    if traffic.source == "conditioned":
        entities.append(_entity(stamp, EGO, EGO, _ego_box(), traffic.source, {"class": EGO}, opacity=0.25))
    deletions = [SceneEntityDeletion(timestamp=stamp, type=SceneEntityDeletion.MATCHING_ID, id=name) for name in gone]
    return SceneUpdate(deletions=deletions, entities=entities)


def road_message(time_ns: int, road: Road, ego: Track) -> SceneUpdate:
    """The painted lines along the ego's way, once for all frames; dashed and solid ones alike are drawn through."""
    reach = [_nearest_s(road, ego.positions[at]) for at in (0, -1)]
    first, last = max(road.s_start, min(reach) - 40.0), min(road.s_end, max(reach) + 150.0)
    lines = []
    for line in road.lines:
        start, stop = max(first, line.s_start), min(last, line.s_end)
        if stop <= start:
            continue
        s = np.linspace(start, stop, max(2, int((stop - start) / _LINE_STEP_M) + 1))
        x, y, _ = road.to_world(s, line_offset(line, s))
        grey = 0.9 if line.kind == "solid" else 0.55
        lines.append(
            LinePrimitive(
                type=LinePrimitive.LINE_STRIP,
                pose=_pose(np.zeros(3), 0.0),
                thickness=line.width,
                points=[Point3(x=float(px), y=float(py), z=0.0) for px, py in zip(x, y, strict=True)],
                color=Color(r=grey, g=grey, b=grey if line.colour == "white" else 0.2, a=1.0),
            )
        )
    entity = SceneEntity(
        timestamp=_stamp(time_ns), frame_id=WORLD, id="road", lines=lines, metadata=_pairs({SYNTHETIC: "true"})
    )
    return SceneUpdate(entities=[entity])


def _nearest_s(road: Road, place: FloatArray) -> float:
    apart = np.hypot(road.reference[:, 0] - place[0], road.reference[:, 1] - place[1])
    return road.s_start + road.spacing * int(np.argmin(apart))


def annotations_message(time_ns: int, boxes: tuple[PictureBox, ...], source: Source) -> ImageAnnotations:
    """Rectangles in the picture, each with its class, and its score where it was measured."""
    stamp = _stamp(time_ns)
    colour = _colour(source, 1.0)
    points, texts = [], []
    for box in boxes:
        corners = [(box.x_min, box.y_min), (box.x_max, box.y_min), (box.x_max, box.y_max), (box.x_min, box.y_max)]
        label = box.category if box.score is None else f"{box.category} {box.score:.2f}"
        points.append(
            PointsAnnotation(
                timestamp=stamp,
                type=PointsAnnotation.LINE_LOOP,
                points=[Point2(x=x, y=y) for x, y in corners],
                outline_color=colour,
                thickness=_LINE_WIDTH_PX,
                metadata=_pairs({"id": box.actor_id, "class": box.category, "source": source}),
            )
        )
        texts.append(
            TextAnnotation(
                timestamp=stamp,
                position=Point2(x=box.x_min, y=box.y_min),
                text=label,
                font_size=10.0,
                text_color=Color(r=1.0, g=1.0, b=1.0, a=1.0),
                background_color=_colour(source, 0.6),
            )
        )
    return ImageAnnotations(timestamp=stamp, points=points, texts=texts)


def finding_message(time_ns: int, finding: Occurrence) -> Log:
    """What became of an event or label: a warning where it is shown, since such moments are what one looks for."""
    level = {True: Log.WARNING, False: Log.INFO, None: Log.DEBUG}[finding.value]
    name = f"{finding.kind}/{finding.name}"
    return Log(timestamp=_stamp(time_ns), level=level, message=finding.text, name=name, file=finding.source)


def note_message(time_ns: int, text: str) -> Log:
    """A remark on the whole recording."""
    return Log(timestamp=_stamp(time_ns), level=Log.INFO, message=text, name="drivesim")


def _facts(actor: Actor, traffic: SourcedTraffic) -> dict[str, str]:
    facts = {"class": actor.category, "source": traffic.source, SYNTHETIC: "true"}
    if actor.id in traffic.scores:
        facts["score"] = f"{traffic.scores[actor.id]:.3f}"
    if actor.look:
        facts["look"] = actor.look
    return facts


def _entity(
    stamp: Timestamp, name: str, frame_id: str, box: Box, source: Source, facts: dict[str, str], opacity: float = 0.5
) -> SceneEntity:
    cube = CubePrimitive(
        pose=_pose(np.array([box.x, box.y, box.z]), box.yaw_rad),
        size=Vector3(x=box.length, y=box.width, z=box.height),
        color=_colour(source, opacity),
    )
    return SceneEntity(timestamp=stamp, frame_id=frame_id, id=name, metadata=_pairs(facts), cubes=[cube])


def _ego_box() -> Box:
    size = EgoSize()
    return Box(
        x=0.5 * (size.front_m - size.rear_m),
        y=0.0,
        z=0.5 * EGO_HEIGHT_M,
        length=size.front_m + size.rear_m,
        width=size.width_m,
        height=EGO_HEIGHT_M,
        yaw_rad=0.0,
    )


def _transform(time_ns: int, parent: str, child: str, matrix: FloatArray) -> FrameTransform:
    x, y, z = (float(value) for value in matrix[:3, 3])
    return FrameTransform(
        timestamp=_stamp(time_ns),
        parent_frame_id=parent,
        child_frame_id=child,
        translation=Vector3(x=x, y=y, z=z),
        rotation=_quaternion(matrix[:3, :3]),
    )


def _pose(position: FloatArray, yaw_rad: float) -> FoxglovePose:
    x, y, z = (float(value) for value in position)
    return FoxglovePose(position=Vector3(x=x, y=y, z=z), orientation=_quaternion(rotation_zyx(yaw_rad)))


def _quaternion(rotation: FloatArray) -> Quaternion:
    w, x, y, z = (float(value) for value in quaternion_of_rotation(rotation))
    return Quaternion(x=x, y=y, z=z, w=w)


def _colour(source: Source, opacity: float) -> Color:
    red, green, blue = COLOURS[source]
    return Color(r=red, g=green, b=blue, a=opacity)


def _pairs(facts: dict[str, str]) -> list[KeyValuePair]:
    return [KeyValuePair(key=key, value=value) for key, value in facts.items()]


def _stamp(time_ns: int) -> Timestamp:
    return Timestamp(seconds=time_ns // 1_000_000_000, nanos=time_ns % 1_000_000_000)
