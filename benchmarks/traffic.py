"""Ambient traffic without a script: how often anybody collides, and what a frame of it takes, by type of road.

    nice python benchmarks/traffic.py --minutes 200

Every piece is a drive of a minute with a seed, a density and an ego's pace of its own; at junctions the ego turns left, right or
not at all, 120 m ahead. All that happens follows from the numbers of the pieces, so a crash that is named can be looked at again:

    python benchmarks/traffic.py --kinds priority --first 17 --minutes 1
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field

import numpy as np
from measuring import machine, table

from drivesim.junctions import Control
from drivesim.road import Road, RoadType
from drivesim.traffic.junction_builder import add_junction
from drivesim.traffic.plans import AmbientTraffic, EgoPlan, JunctionTurn, Manoeuvre
from drivesim.traffic.road_builder import build_road
from drivesim.traffic.routes import TurnSide
from drivesim.traffic.simulation import TrafficSimulation

FPS, PIECE_S, JUNCTION_M = 10.0, 60.0, 120.0
#: The type of road of each kind, and who gives way where it has a junction.
KINDS: dict[str, tuple[RoadType, Control | None]] = {
    "motorway": ("motorway", None),
    "rural": ("rural", None),
    "urban": ("urban", None),
    "priority": ("urban", "priority"),
    "stop": ("urban", "stop"),
    "signals": ("urban", "signals"),
    "rural priority": ("rural", "priority"),
}
#: Vehicles per km and lane, and walkers and cyclists per km, of the densities that a scenario can ask for.
DENSITIES = ((7.0, 12.0, 1.0), (15.0, 30.0, 2.0), (28.0, 60.0, 3.0))
_TURNS: tuple[TurnSide | None, ...] = (None, "left", "right")


@dataclass(kw_only=True)
class Tally:
    """What was seen on one kind of road."""

    minutes: float = 0.0
    crashes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    frames: int = 0
    alive: float = 0.0

    def row(self, kind: str) -> list[str]:
        """A row of the table."""
        each = 1e3 * self.seconds / max(self.frames, 1)
        return [
            kind,
            f"{self.minutes:g}",
            str(len(self.crashes)),
            f"{self.alive / max(self.frames, 1):.0f}",
            f"{each:.1f}",
        ]


def road_of(kind: str, piece: int) -> Road:
    """The road of a piece."""
    road_type, control = KINDS[kind]
    made = build_road(
        road_type,
        lanes=3 if road_type == "motorway" else 1 + piece % 2,
        ego_lane=1,
        length_m=3000.0,
        curvature=None if control is None else "straight",
        ramp="right" if road_type == "motorway" and piece % 2 else None,
        rng=piece,
    )
    if control is None:
        return made
    return add_junction(made, s=JUNCTION_M, arms=("left", "right") if piece % 4 < 3 else ("right",), control=control)


def simulation_of(kind: str, piece: int) -> TrafficSimulation:
    """The traffic of a piece at t = 0."""
    rng = np.random.default_rng((sorted(KINDS).index(kind), piece))
    road = road_of(kind, piece)
    vehicles, walkers, cyclists = DENSITIES[piece % 3]
    urban = road.road_type == "urban"
    pace = float(rng.uniform(0.3, 0.95)) * road.speed_limit_mps
    turn = _TURNS[int(rng.integers(3))] if road.junctions else None
    if turn == "left" and len([lane for lane in road.lanes if lane.direction == 1]) > 1:
        turn = "right"  # its lane is the one at the kerb
    if turn == "left" and len(road.junctions[0].arms) == 1:
        turn = None
    ambient = AmbientTraffic(
        seed=piece,
        density_per_km=vehicles,
        oncoming_per_km=vehicles,
        pedestrians_per_km=walkers if urban else 0.0,
        cyclists_per_km=cyclists if urban else 0.0,
        parked_share=0.4 if urban else 0.0,
        speed_mps=0.92 * road.speed_limit_mps,
    )
    script = () if turn is None else (Manoeuvre(id="turn", action=JunctionTurn(to=turn)),)
    ego = EgoPlan(speed=pace, desired_speed=pace, manoeuvres=script)
    return TrafficSimulation(road, ego, [], fps=FPS, rng=rng, ambient=ambient)


def run_piece(kind: str, piece: int, tally: Tally) -> None:
    """Drive one piece through and say who collided."""
    simulation = simulation_of(kind, piece)
    started = time.process_time()
    for _ in range(round(PIECE_S * FPS)):
        simulation.step()
        tally.alive += simulation.num_present
    tally.seconds += time.process_time() - started
    tally.frames += simulation.frame
    tally.minutes += PIECE_S / 60.0
    for time_s, vehicle, other in simulation.crashes:
        tally.crashes.append(f"{kind}, piece {piece}, {time_s:.1f} s: {vehicle} hit {other}")
        print(tally.crashes[-1], flush=True)


def main() -> None:
    """Drive the pieces and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=int, default=200, help="simulated minutes of each kind (200)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--first", type=int, default=0, help="number of the first piece (0)")
    asked = parser.parse_args()
    tallies = {kind: Tally() for kind in asked.kinds}
    for piece in range(asked.first, asked.first + asked.minutes):
        for kind, tally in tallies.items():
            run_piece(kind, piece, tally)
        if (piece + 1) % 10 == 0:
            print(", ".join(f"{kind} {t.minutes:g} min {len(t.crashes)}" for kind, t in tallies.items()), flush=True)
    print(machine())
    head = ["road", "simulated minutes", "collisions", "participants present", "ms of processor time a frame"]
    print(table(head, [tally.row(kind) for kind, tally in tallies.items()]))


if __name__ == "__main__":
    main()
