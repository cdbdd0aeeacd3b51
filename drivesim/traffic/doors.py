"""Doors of standing cars: a box of its own that swings about its hinge; closed it is part of the car and not there."""

from __future__ import annotations

import math

from drivesim.traffic.fleet import Fleet
from drivesim.traffic.plans import ActorPlan, Manoeuvre, OpenDoor

#: A front door of a passenger car: length, thickness, and how high its upper edge is; the hinge lies that share of the
#: car's length before its middle. Metres.
DOOR_LENGTH_M, DOOR_THICKNESS_M, DOOR_HEIGHT_M, _HINGE_SHARE = 1.05, 0.14, 1.3, 0.16


def door_id(actor_id: str) -> str:
    """The id of the door that belongs to an actor."""
    return f"{actor_id}-door"


def door_plan(car: ActorPlan, x: float, y: float, yaw_rad: float, manoeuvre: Manoeuvre) -> ActorPlan:
    """The closed door of a car that stands at ``x``, ``y`` with heading ``yaw_rad`` in the world frame.

    Its box points from the hinge backwards; ``manoeuvre`` holds the :class:`OpenDoor`. Raises ValueError for another action.
    """
    if not isinstance(manoeuvre.action, OpenDoor):
        raise ValueError(f"manoeuvre {manoeuvre.id!r} opens no door")
    ahead = _HINGE_SHARE * car.length - 0.5 * DOOR_LENGTH_M
    side = (0.5 if manoeuvre.action.side == "left" else -0.5) * car.width
    return ActorPlan(
        id=door_id(car.id),
        category=car.category,
        length=DOOR_LENGTH_M,
        width=DOOR_THICKNESS_M,
        height=DOOR_HEIGHT_M,
        colour=car.colour,
        look=car.look,
        parked=True,
        x=x + ahead * math.cos(yaw_rad) - side * math.sin(yaw_rad),
        y=y + ahead * math.sin(yaw_rad) + side * math.cos(yaw_rad),
        yaw_rad=yaw_rad + math.pi,
        manoeuvres=(manoeuvre,),
    )


def swing(fleet: Fleet, slot: int, action: OpenDoor, share: float) -> None:
    """Let a door be open by ``share`` (0 to 1) of its angle; half a cosine over the time."""
    plan = fleet.plans[slot]
    closed, half = plan.yaw_rad, 0.5 * plan.length
    hinge_x, hinge_y = (plan.x or 0.0) - half * math.cos(closed), (plan.y or 0.0) - half * math.sin(closed)
    turn = action.angle_rad * 0.5 * (1.0 - math.cos(math.pi * min(max(share, 0.0), 1.0)))
    yaw = closed + (-turn if action.side == "left" else turn)
    fleet.alive[slot] = True
    fleet.x[slot], fleet.y[slot] = hinge_x + half * math.cos(yaw), hinge_y + half * math.sin(yaw)
    fleet.yaw[slot] = yaw
    one = slice(slot, slot + 1)
    s, d = fleet.road.to_road(fleet.x[one], fleet.y[one], fleet.s[one], iterations=2)
    fleet.s[slot], fleet.d[slot] = s[0], d[0]
