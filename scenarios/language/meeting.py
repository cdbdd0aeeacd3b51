"""The placement that is said by where the ego and an actor meet, as test protocols say it."""

from __future__ import annotations

from typing import Annotated

from pydantic import model_validator

from drivesim.scenarios.language.base import Model
from drivesim.scenarios.language.values import Number, Quantity, Word, complain

#: How an actor goes that is to meet the ego, seen from the ego.
MEETING_WAYS = ("from_nearside", "from_farside", "from_left", "from_right", "along", "against")


#: What is asked for where the moment is said twice, or not at all.
ONE_MOMENT = "It takes one of 'time' (when the ego gets there) and 'after' (the way it drives until then)."


class Meeting(Model):
    """Placed so that an ego which does not react reaches the actor at ``time``, or ``after`` so many metres, and with which
    part of itself.

    An actor with a ``lane`` or an ``arm`` is met on its way by that: then the moment follows from where the two ways cross.
    ``impact`` is the point of the ego's front (its rear where it drives backwards) at which the middle of the actor
    arrives: a share of the ego's width, from the side that the actor comes from, or from the nearside where it goes along
    or against. ``overlap`` is the share of the ego's width that is covered, positive for an actor further left.
    ``distance`` is how far from there it stands until it sets off; without one it moves from the beginning.
    """

    time: Annotated[Number, Quantity("time", 0.0, 600.0, above=True)] | None = None
    after: Annotated[Number, Quantity("length", 0.0, 2000.0, above=True)] | None = None
    moves: Annotated[str, Word(MEETING_WAYS)]
    impact: Annotated[Number, Quantity("number", -0.5, 1.5)] | None = None
    overlap: Annotated[Number, Quantity("number", -1.0, 1.0)] | None = None
    distance: Annotated[Number, Quantity("length", 0.0, 200.0, above=True)] | None = None

    @model_validator(mode="after")
    def _once(self) -> Meeting:
        if self.time is not None and self.after is not None:
            raise complain("DS022", f"meets has both 'time' and 'after'. {ONE_MOMENT}")
        return self
