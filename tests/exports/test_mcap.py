"""MCAP files read back with the mcap library's own reader: every message decodes, and says what the future holds."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory
from tiny_exports import make_run, silent

from drivesim.errors import InputError
from drivesim.exports.contents import CURVES, Contents, danger_curves
from drivesim.exports.foxglove_layout import foxglove_layout
from drivesim.exports.gather import chosen_futures, gather
from drivesim.exports.mcap_file import METRICS_SCHEMA, write_mcap
from drivesim.geometry import rotation_of_quaternion
from drivesim.runs.video import read_frames

VIDEO = "/camera/front/video"
IDR, SLICE, SPS, PPS = 5, 1, 7, 8


class Json:
    """Decodes the channels that are JSON, as a viewer does."""

    def decoder_for(self, encoding: str, schema: Any) -> Any:
        return json.loads if encoding == "json" else None


def read(path: Path) -> tuple[dict[str, list[tuple[int, Any]]], Any]:
    """All messages by topic as (log time, decoded), and the reader's summary."""
    with path.open("rb") as stream:
        reader = make_reader(stream, validate_crcs=True, decoder_factories=[DecoderFactory(), Json()])
        found = defaultdict(list)
        for _, channel, message, decoded in reader.iter_decoded_messages():
            assert message.publish_time == message.log_time
            found[channel.topic].append((message.log_time, decoded))
        return dict(found), reader.get_summary()


def nal_units(data: bytes) -> list[bytes]:
    """What stands between the start codes of Annex B."""
    parts = data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
    assert parts[0] == b""
    return parts[1:]


def slice_type(unit: bytes) -> int:
    """The second Exp-Golomb number of a slice's header, modulo 5: 0 P, 1 B, 2 I."""
    bits = "".join(f"{byte:08b}" for byte in unit[1:12])
    for _ in range(2):
        zeros = bits.index("1")
        value, bits = int(bits[zeros : 2 * zeros + 1], 2) - 1, bits[2 * zeros + 1 :]
    return value % 5


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, contents: Contents) -> Path:
    path = tmp_path_factory.mktemp("mcap") / "f01.mcap"
    write_mcap(path, contents)
    return path


def test_every_message_decodes_and_every_frame_has_its_own(written: Path, contents: Contents) -> None:
    found, summary = read(written)
    once = {"/events", "/road"}
    sources = ("conditioned", "measured")
    each = {VIDEO, "/camera/front/calibration", "/tf"}
    each |= {
        topic.format(source) for topic in ("/actors/{}", "/camera/front/boxes/{}", "/metrics/{}") for source in sources
    }
    assert set(found) == once | each
    times = [round(frame * 1e8) for frame in range(12)]
    assert all([time for time, _ in found[topic]] == times for topic in each)
    assert summary.statistics.message_count == sum(map(len, found.values()))
    for topic in each - {"/metrics/conditioned", "/metrics/measured", "/tf"}:
        stamps = [m.timestamp.seconds * 10**9 + m.timestamp.nanos for _, m in found[topic] if hasattr(m, "timestamp")]
        assert stamps in ([], times)


def test_a_message_is_one_frame_without_b_frames_and_the_pixels_are_the_videos(
    written: Path, contents: Contents
) -> None:
    found, _ = read(written)
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    decoder.flags |= 1 << 19  # low delay: each packet answers with its own frame
    pictures = []
    for number, (_, message) in enumerate(found[VIDEO]):
        assert message.format == "h264" and message.frame_id == "camera_front"
        units = nal_units(message.data)
        kinds = [unit[0] & 31 for unit in units]
        pictured = [unit for unit in units if unit[0] & 31 in (IDR, SLICE)]
        assert len(pictured) == 1 and slice_type(pictured[0]) != 1
        if IDR in kinds:
            assert kinds.index(SPS) < kinds.index(PPS) < kinds.index(IDR)
        assert (IDR in kinds) or number > 0
        (frame,) = decoder.decode(av.Packet(message.data))
        pictures.append(frame.to_ndarray(format="rgb24"))
    expected = read_frames(contents.future.video)
    assert np.abs(np.stack(pictures).astype(int) - expected).max() <= 2  # another converter, the same samples


def test_boxes_transforms_and_calibration_are_the_scenes(written: Path, contents: Contents) -> None:
    found, _ = read(written)
    scene = contents.scene
    _, calibration = found["/camera/front/calibration"][0]
    assert (calibration.width, calibration.height) == (128, 64)
    np.testing.assert_allclose(np.reshape(calibration.K, (3, 3)), scene.camera.intrinsics())
    for frame in (0, 7):
        world_from_ego, ego_from_camera = found["/tf"][frame][1].transforms
        assert (world_from_ego.parent_frame_id, world_from_ego.child_frame_id) == ("world", "ego")
        assert (ego_from_camera.parent_frame_id, ego_from_camera.child_frame_id) == ("ego", "camera_front")
        matrix = np.eye(4)
        for step in (world_from_ego, ego_from_camera):
            turn, move = step.rotation, step.translation
            one = np.eye(4)
            one[:3, :3] = rotation_of_quaternion(np.array([turn.w, turn.x, turn.y, turn.z]))
            one[:3, 3] = [move.x, move.y, move.z]
            matrix = matrix @ one
        np.testing.assert_allclose(np.linalg.inv(matrix), scene.optical_from_world(frame), atol=1e-9)
        entities = {entity.id: entity for entity in found["/actors/conditioned"][frame][1].entities}
        assert set(entities) == {"challenger", "lead", "ego"} | {actor.id for actor, _ in scene.boxes(frame)}
        for actor, box in scene.boxes(frame):
            (cube,) = entities[actor.id].cubes
            assert (cube.size.x, cube.size.y, cube.size.z) == (box.length, box.width, box.height)
            assert (cube.pose.position.x, cube.pose.position.y, cube.pose.position.z) == pytest.approx(
                (box.x, box.y, box.z)
            )
            facts = {pair.key: pair.value for pair in entities[actor.id].metadata}
            assert (
                facts["class"] == actor.category and facts["source"] == "conditioned" and facts["synthetic"] == "true"
            )


def test_measured_boxes_come_with_scores_and_go_when_they_are_gone(contents: Contents, tmp_path: Path) -> None:
    measured = contents.measured
    assert measured is not None
    first = measured.actors[0]
    leaves = first.track.present & (np.arange(12) < 8)
    track = dataclasses.replace(first.track, present=leaves)
    actors = (dataclasses.replace(first, track=track), *measured.actors[1:])
    write_mcap(
        tmp_path / "f.mcap", dataclasses.replace(contents, measured=dataclasses.replace(measured, actors=actors))
    )
    found, _ = read(tmp_path / "f.mcap")
    updates = [update for _, update in found["/actors/measured"]]
    assert [first.id in {entity.id for entity in update.entities} for update in updates] == leaves.tolist()
    assert [[gone.id for gone in update.deletions] for update in updates] == [[]] * 8 + [[first.id]] + [[]] * 3
    facts = {pair.key: pair.value for pair in updates[4].entities[0].metadata}
    assert facts["score"] == f"{measured.scores[first.id]:.3f}"
    _, annotations = found["/camera/front/boxes/measured"][0]
    assert [text.text for text in annotations.texts] == [f"{b.category} {b.score:.2f}" for b in measured.boxes[0]]
    corners = [(point.x, point.y) for point in annotations.points[0].points]
    box = measured.boxes[0][0]
    assert corners == [(box.x_min, box.y_min), (box.x_max, box.y_min), (box.x_max, box.y_max), (box.x_min, box.y_max)]


def test_curves_are_plain_numbers_and_events_stand_at_their_time(written: Path, contents: Contents) -> None:
    found, _ = read(written)
    curves = danger_curves(contents.conditioned, contents)
    assert set(METRICS_SCHEMA["properties"]) == {"time_s", *CURVES}
    rows = [row for _, row in found["/metrics/conditioned"]]
    for name in CURVES:
        expected = [round(float(value), 6) if np.isfinite(value) else None for value in curves[name]]
        assert [row[name] for row in rows] == expected
    assert any(row["gap_m"] is not None for row in rows) and rows[3]["time_s"] == pytest.approx(0.3)
    crash = [(time, log) for time, log in found["/events"] if log.name == "label/crash"]
    assert [(time, log.message) for time, log in crash] == [(400_000_000, "label crash: shown")]
    assert "synthetic" in found["/events"][0][1].message


def test_attachments_and_provenance(written: Path, contents: Contents) -> None:
    with written.open("rb") as stream:
        reader = make_reader(stream)
        attached = {attachment.name: attachment.data for attachment in reader.iter_attachments()}
        (metadata,) = list(reader.iter_metadata())
    assert set(attached) == {"manifest.json", "scenario.yaml", "provenance.json"}
    assert attached["scenario.yaml"] == contents.scenario_yaml
    assert json.loads(attached["manifest.json"])["scenario_id"] == "tiny-cut-in"
    assert metadata.metadata["synthetic"] == "true" and metadata.metadata["future"] == "tiny-cut-in/v000/f01"


def test_a_replay_in_another_folder_gives_the_same_bytes(tmp_path: Path, run: Path) -> None:
    again = make_run(tmp_path / "again")
    for folder in (run, again):
        write_mcap(tmp_path / f"{folder.name}.mcap", gather(chosen_futures(folder)[1], None, silent))
    assert (tmp_path / "run.mcap").read_bytes() == (tmp_path / "again.mcap").read_bytes()


def test_a_video_that_is_too_short_leaves_nothing(tmp_path: Path, contents: Contents) -> None:
    longer = dataclasses.replace(contents.future.manifest.timeline, num_frames=14)
    manifest = dataclasses.replace(contents.future.manifest, timeline=longer)
    scene = gather(contents.future, None, silent).scene
    padded = dataclasses.replace(scene, ego=_repeated(scene.ego, 2), actors=())
    nobody = dataclasses.replace(contents.conditioned, ego=padded.ego, actors=(), boxes=((),) * 14)
    broken = dataclasses.replace(
        contents,
        future=dataclasses.replace(contents.future, manifest=manifest),
        scene=padded,
        conditioned=nobody,
        measured=None,
    )
    with pytest.raises(InputError, match="ends after 12 of 14 frames"):
        write_mcap(tmp_path / "f.mcap", broken)
    assert list(tmp_path.iterdir()) == []


def _repeated(track: Any, more: int) -> Any:
    index = np.minimum(np.arange(len(track) + more), len(track) - 1)
    return dataclasses.replace(
        track,
        positions=track.positions[index],
        yaw_rad=track.yaw_rad[index],
        speed_mps=track.speed_mps[index],
        present=track.present[index],
    )


def test_the_layout_names_topics_that_are_there(written: Path) -> None:
    found, _ = read(written)
    layout = json.loads(foxglove_layout(["conditioned", "measured"]))
    image = layout["configById"]["Image!drivesim"]["imageMode"]
    named = {image["imageTopic"], image["calibrationTopic"], *image["annotations"]}
    named |= set(layout["configById"]["3D!drivesim"]["topics"]) | {"/events"}
    curves = [path["value"].split(".") for path in layout["configById"]["Plot!drivesim"]["paths"]]
    assert named | {topic for topic, _ in curves} <= set(found)
    assert {name for _, name in curves} <= set(CURVES)
    assert "synthetic" in json.dumps(layout)
