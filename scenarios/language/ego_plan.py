"""How the ego is driven, as a scenario holds it: columns of numbers over time, or the name of a CSV file with them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from drivesim.scenarios.language.base import Model
from drivesim.scenarios.language.values import Number, Quantity, Text

_Moment = Annotated[Number, Quantity("time", 0.0, 36_000.0, varies=False)]
_Speed = Annotated[Number, Quantity("speed", 0.0, 100.0, varies=False)]
_Bend = Annotated[Number, Quantity("curvature", -1.0, 1.0, varies=False)]
_Turn = Annotated[Number, Quantity("angle", -1.2, 1.2, varies=False)]
_Rate = Annotated[Number, Quantity("number", -3.0, 3.0, varies=False)]
_Place = Annotated[Number, Quantity("length", -50_000.0, 50_000.0, varies=False)]
_Heading = Annotated[Number, Quantity("angle", -1000.0, 1000.0, varies=False)]

#: Columns that say how the ego turns; at most one of them.
TURNING = ("curvature", "steering", "yaw_rate")

#: Rows of a plan: ten minutes at ten a second, which is what a scenario file has room for.
MAX_ROWS = 6001


class EgoPlanColumns(Model):
    """How the ego is driven from t = 0 on, row by row; between rows everything is interpolated.

    Either ``speed`` (m/s) with at most one of ``curvature`` (1/m, positive to the left), ``steering`` (rad, of the front
    wheels) and ``yaw_rate`` (rad/s), or a trajectory of the rear axle: ``x`` and ``y`` (m, in the ego frame at t = 0) with
    ``yaw`` (rad) where it is not that of the course. ``file`` names a CSV file with these columns instead. ``begins`` is when the
    plan takes over: until then the ego drives by itself, and what earlier rows say does not count.
    """

    file: Text | None = None
    begins: _Moment = 0.0
    time: Annotated[tuple[_Moment, ...], Field(max_length=MAX_ROWS)] = ()
    speed: tuple[_Speed, ...] = ()
    curvature: tuple[_Bend, ...] = ()
    steering: tuple[_Turn, ...] = ()
    yaw_rate: tuple[_Rate, ...] = ()
    x: tuple[_Place, ...] = ()
    y: tuple[_Place, ...] = ()
    yaw: tuple[_Heading, ...] = ()


COLUMNS = tuple(name for name in EgoPlanColumns.model_fields if name not in ("file", "begins"))

#: A plan may be written as the name of its file alone.
WrittenEgoPlan = Annotated[
    EgoPlanColumns, BeforeValidator(lambda value: {"file": value} if isinstance(value, str) else value)
]
