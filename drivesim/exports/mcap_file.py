"""A future as an MCAP file with Foxglove's schemas: video, calibration, transforms, boxes, curves, events, attachments.

Every message carries simulated time, log time and publish time alike, so nothing depends on when the file was written: equal
futures give equal bytes. Video is the run's own H.264, repacked frame by frame and not encoded again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import Message
from mcap.writer import CompressionType, Writer
from mcap_protobuf.schema import build_file_descriptor_set

from drivesim.errors import InputError
from drivesim.exports import mcap_messages as messages
from drivesim.exports.contents import CURVES, SYNTHETIC_NOTE, Contents, SourcedTraffic, danger_curves
from drivesim.runs.manifest import Manifest
from drivesim.runs.video import annex_b_frames
from drivesim.storage import writing

VIDEO_TOPIC = "/camera/front/video"
CALIBRATION_TOPIC = "/camera/front/calibration"
BOXES_TOPIC = "/camera/front/boxes/{source}"
TRANSFORMS_TOPIC = "/tf"
ACTORS_TOPIC = "/actors/{source}"
ROAD_TOPIC = "/road"
METRICS_TOPIC = "/metrics/{source}"
EVENTS_TOPIC = "/events"

METRICS_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "drivesim.Metrics",
    "description": f"The worst over all actors at each frame; {SYNTHETIC_NOTE}. What is not known or infinite is null.",
    "type": "object",
    "properties": {
        "time_s": {"type": "number", "description": "time on the run's clock, s"},
        **{name: {"type": ["number", "null"], "description": text} for name, text in CURVES.items()},
    },
}


def write_mcap(path: Path, contents: Contents, progress: Callable[[float], None] = lambda share: None) -> None:
    """Write a future to ``path``, atomically. Raises InputError where its video does not hold the frames it should."""
    with writing(path) as temporary, temporary.open("wb") as stream:
        # Frames are small and video does not compress: one chunk of about a second serves seeking and streaming.
        writer = Writer(stream, chunk_size=1 << 19, compression=CompressionType.ZSTD)
        writer.start(profile="", library="drivesim")
        _Recorder(writer, contents).record(progress)
        writer.finish()


def reproducible_manifest(manifest: Manifest) -> str:
    """The manifest as JSON without the command line: a replay under another name then gives equal bytes."""
    values = dataclasses.asdict(manifest)
    del values["command"]
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


class _Recorder:
    def __init__(self, writer: Writer, contents: Contents) -> None:
        self.writer, self.contents = writer, contents
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._present: dict[str, set[str]] = {}

    def record(self, progress: Callable[[float], None]) -> None:
        contents = self.contents
        scene, total = contents.scene, len(contents.scene)
        self._attach()
        curves = {traffic.source: danger_curves(traffic, contents) for traffic in contents.traffic}
        findings = list(contents.findings)
        frames = annex_b_frames(contents.future.video)
        for frame in range(total):
            data = next(frames, None)
            if data is None:
                raise InputError(f"{contents.future.video} ends after {frame} of {total} frames; it is not whole.")
            now = contents.time_ns(frame)
            if frame == 0:
                self._begin(now)
            self._send(VIDEO_TOPIC, now, messages.video_message(now, data))
            self._send(CALIBRATION_TOPIC, now, messages.calibration_message(now, scene.camera))
            ego = contents.ego.pose(frame)
            self._send(TRANSFORMS_TOPIC, now, messages.transforms_message(now, ego, scene.camera))
            for traffic in contents.traffic:
                self._traffic(now, traffic, frame, curves[traffic.source])
            while findings and (round(findings[0].time_s * 1e9) <= now or frame == total - 1):
                finding = findings.pop(0)
                self._send(EVENTS_TOPIC, now, messages.finding_message(now, finding))
            progress((frame + 1) / total)

    def _begin(self, now: int) -> None:
        """What is said once, with the first frame."""
        contents = self.contents
        for note in (SYNTHETIC_NOTE, *contents.notes):
            self._send(EVENTS_TOPIC, now, messages.note_message(now, note))
        if contents.scene.road is not None:
            self._send(ROAD_TOPIC, now, messages.road_message(now, contents.scene.road, contents.ego))

    def _traffic(self, now: int, traffic: SourcedTraffic, frame: int, curves: dict[str, np.ndarray]) -> None:
        source = traffic.source
        present = {actor.id for actor in traffic.actors if actor.track.present[frame]}
        gone = sorted(self._present.get(source, set()) - present)
        self._present[source] = present
        update = messages.traffic_message(now, traffic, frame, gone)
        self._send(ACTORS_TOPIC.format(source=source), now, update)
        annotations = messages.annotations_message(now, traffic.boxes[frame], source)
        self._send(BOXES_TOPIC.format(source=source), now, annotations)
        values: dict[str, float | None] = {"time_s": now / 1e9}
        values |= {name: _plain(curve[frame]) for name, curve in curves.items()}
        self._send_json(METRICS_TOPIC.format(source=source), now, values)

    def _attach(self) -> None:
        contents = self.contents
        provenance = contents.provenance()
        flat = {key: value if isinstance(value, str) else json.dumps(value) for key, value in provenance.items()}
        self.writer.add_metadata("provenance", flat)
        manifest = reproducible_manifest(contents.future.manifest).encode()
        for name, media_type, data in (
            ("manifest.json", "application/json", manifest),
            ("scenario.yaml", "application/yaml", contents.scenario_yaml),
            ("provenance.json", "application/json", (json.dumps(provenance, indent=2) + "\n").encode()),
        ):
            self.writer.add_attachment(
                create_time=0, log_time=contents.time_ns(0), name=name, media_type=media_type, data=data
            )

    def _send(self, topic: str, now: int, message: Message) -> None:
        if topic not in self._channels:
            name = message.DESCRIPTOR.full_name
            if name not in self._schemas:
                data = build_file_descriptor_set(type(message)).SerializeToString(deterministic=True)
                self._schemas[name] = self.writer.register_schema(name=name, encoding="protobuf", data=data)
            self._channels[topic] = self.writer.register_channel(
                topic=topic, message_encoding="protobuf", schema_id=self._schemas[name]
            )
        data = message.SerializeToString(deterministic=True)
        self.writer.add_message(self._channels[topic], log_time=now, data=data, publish_time=now)

    def _send_json(self, topic: str, now: int, values: dict[str, float | None]) -> None:
        if topic not in self._channels:
            name = str(METRICS_SCHEMA["title"])
            if name not in self._schemas:
                data = json.dumps(METRICS_SCHEMA, ensure_ascii=False).encode()
                self._schemas[name] = self.writer.register_schema(name=name, encoding="jsonschema", data=data)
            self._channels[topic] = self.writer.register_channel(
                topic=topic, message_encoding="json", schema_id=self._schemas[name]
            )
        self.writer.add_message(self._channels[topic], log_time=now, data=json.dumps(values).encode(), publish_time=now)


def _plain(value: float) -> float | None:
    return round(float(value), 6) if np.isfinite(value) else None
