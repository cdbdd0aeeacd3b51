"""camera.json: the camera, the attributes, the rate and the licence of one recording or of a whole folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivesim.datasets.quantities import angle_fault
from drivesim.datasets.video_folder.tables import Faults, TableRow, check_keys, number_of, read_json
from drivesim.errors import DriveSimError
from drivesim.scenarios import Scenario
from drivesim.scenarios.concrete import environment_of
from drivesim.scene import Camera, Environment, Pose

_INTRINSICS = ("fx", "fy", "cx", "cy", "width", "height")
_MOUNT = ("x", "y", "z", "yaw_rad", "pitch_rad", "roll_rad")
_ATTRIBUTES = ("time_of_day", "sky", "precipitation", "road_surface", "fog", "street_lights")
_NEEDED_ATTRIBUTES = _ATTRIBUTES[:3]
_KEYS = (*_INTRINSICS, "mount", "horizon_row", "fps", "attributes", "licence", "source")


@dataclass(frozen=True, kw_only=True)
class CameraFile:
    """What camera.json says; None for what it leaves out.

    ``camera`` at the size that it was calibrated at, ``horizon_row`` in that size's pixels from the top, ``fps`` the
    rate of frames without times, ``environment`` for the attributes.
    """

    camera: Camera | None = None
    horizon_row: float | None = None
    fps: float | None = None
    environment: Environment | None = None
    licence: str | None = None
    source: str | None = None


def read_camera_file(path: Path) -> CameraFile:
    """Read camera.json. Raises InputError listing everything wrong with it."""
    faults = Faults(path)
    values = read_json(path, faults)
    check_keys(values, _KEYS, "1", faults)
    given = [name for name in _INTRINSICS if name in values]
    missing = [name for name in (*_INTRINSICS, "mount") if name not in values]
    camera = None
    if given or "mount" in values:
        if missing:
            faults.add(
                "1", f"has {given[0] if given else 'mount'} but no {', '.join(missing)}; a camera needs all of them"
            )
        else:
            camera = _camera(path, values, faults)
    numbers = TableRow("1", values)
    found = CameraFile(
        camera=camera,
        horizon_row=number_of(numbers, "horizon_row", faults) if "horizon_row" in values else None,
        fps=_positive(numbers, "fps", faults) if "fps" in values else None,
        environment=_environment(values["attributes"], faults) if "attributes" in values else None,
        licence=_words(values, "licence", faults),
        source=_words(values, "source", faults),
    )
    faults.stop_if_any()
    return found


def _camera(path: Path, values: dict[str, Any], faults: Faults) -> Camera | None:
    row = TableRow("1", values)
    sizes = {name: _positive(row, name, faults) for name in ("fx", "fy", "width", "height")}
    centre = {name: number_of(row, name, faults) for name in ("cx", "cy")}
    mount = values["mount"]
    if not isinstance(mount, dict):
        faults.add("1", f"mount {mount!r:.40}; expected an object with {', '.join(_MOUNT)}")
        return None
    check_keys(mount, _MOUNT, "mount", faults)
    missing = [name for name in _MOUNT[:3] if name not in mount]
    if missing:
        faults.add("mount", f"no {', '.join(missing)}; metres forward, left and up from the rear axle on the ground")
    pose = {name: number_of(TableRow("mount", mount), name, faults) for name in _MOUNT if name in mount}
    for name in _MOUNT[3:]:
        if text := angle_fault(name, pose.get(name, 0.0)):
            faults.add("mount", text)
    if faults.lines:
        return None
    for name, size in (("cx", sizes["width"]), ("cy", sizes["height"])):
        if not 0.0 < centre[name] < size:
            faults.add(
                "1", f"{name} {centre[name]:g} lies outside the picture of {size:g}; expected pixels of that size"
            )
    whole = {name: int(sizes[name]) for name in ("width", "height")}
    return Camera(
        name=path.stem, fx=sizes["fx"], fy=sizes["fy"], cx=centre["cx"], cy=centre["cy"], **whole, mount=Pose(**pose)
    )


def _positive(row: TableRow, name: str, faults: Faults) -> float:
    value = number_of(row, name, faults)
    if value <= 0.0:
        faults.add(row.where, f"{name} {value:g}; expected more than 0")
    return value


def _words(values: dict[str, Any], name: str, faults: Faults) -> str | None:
    value = values.get(name)
    if value is not None and not (isinstance(value, str) and value.strip()):
        faults.add("1", f"{name} {value!r:.40}; expected words in quotation marks")
        return None
    return value


def _environment(values: Any, faults: Faults) -> Environment | None:
    """The attributes, in the words of a scenario file's ``environment``."""
    if not isinstance(values, dict):
        faults.add("attributes", f"{values!r:.40}; expected an object with {', '.join(_ATTRIBUTES)}")
        return None
    before = len(faults.lines)
    check_keys(values, _ATTRIBUTES, "attributes", faults)
    missing = [name for name in _NEEDED_ATTRIBUTES if name not in values]
    if missing:
        faults.add("attributes", f"no {', '.join(missing)}; without them a default would be taught as if it were known")
    if len(faults.lines) > before:
        return None
    try:
        return environment_of(Scenario("attributes").environment(**values))
    except DriveSimError as error:
        faults.add("attributes", str(error).replace("scene.environment.", ""))
        return None
