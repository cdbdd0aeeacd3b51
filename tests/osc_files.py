"""Small OpenSCENARIO files of the kind that Euro NCAP's tests are described with; written for these tests."""

from __future__ import annotations

from pathlib import Path

HEAD = '<?xml version="1.0" encoding="utf-8"?>\n<OpenSCENARIO>\n<FileHeader revMajor="1" revMinor="3" date="2026-01-01T00:00:00" description="{title}" author="tests"/>\n'

AT_ONCE = '<SpeedActionDynamics dynamicsShape="step" dynamicsDimension="time" value="0"/>'


def private(entity: str, position: str, speed: str) -> str:
    """A participant of <Init> with a place and a speed."""
    return f"""<Private entityRef="{entity}">
  <PrivateAction><TeleportAction><Position>{position}</Position></TeleportAction></PrivateAction>
  <PrivateAction><LongitudinalAction><SpeedAction>{AT_ONCE}
    <SpeedActionTarget><AbsoluteTargetSpeed value="{speed}"/></SpeedActionTarget></SpeedAction></LongitudinalAction></PrivateAction>
</Private>"""


def car(name: str, length: float = 4.0, width: float = 1.7, ahead: float = 1.3, kind: str = "car") -> str:
    """A vehicle written out."""
    return f"""<ScenarioObject name="{name}"><Vehicle name="{name}" vehicleCategory="{kind}">
  <BoundingBox><Center x="{ahead}" y="0" z="0.7"/><Dimensions length="{length}" width="{width}" height="1.4"/></BoundingBox>
  <Performance maxSpeed="70" maxAcceleration="5" maxDeceleration="10"/>
  <Axles><FrontAxle maxSteering="0.5" wheelDiameter="0.6" trackWidth="1.5" positionX="2.5" positionZ="0.3"/>
    <RearAxle maxSteering="0" wheelDiameter="0.6" trackWidth="1.5" positionX="0" positionZ="0.3"/></Axles><Properties/>
</Vehicle></ScenarioObject>"""


def walker(name: str) -> str:
    """A pedestrian written out."""
    return f"""<ScenarioObject name="{name}"><Pedestrian name="{name}" pedestrianCategory="pedestrian" mass="70">
  <BoundingBox><Center x="0" y="0" z="0.9"/><Dimensions length="0.6" width="0.5" height="1.8"/></BoundingBox></Pedestrian></ScenarioObject>"""


def event(name: str, actor: str, action: str, condition: str = "", act_condition: str = "", delay: float = 0.0) -> str:
    """A story of one event; conditions are what stands inside <Condition>."""

    def trigger(inner: str, wait: float = 0.0) -> str:
        if not inner:
            return ""
        named = f'<Condition name="c" delay="{wait}" conditionEdge="none">{inner}</Condition>'
        return f"<StartTrigger><ConditionGroup>{named}</ConditionGroup></StartTrigger>"

    return f"""<Story name="{name} story"><Act name="{name} act"><ManeuverGroup name="{name} group" maximumExecutionCount="1">
  <Actors selectTriggeringEntities="false"><EntityRef entityRef="{actor}"/></Actors>
  <Maneuver name="{name} maneuver"><Event name="{name}" priority="override">
    <Action name="{name} action"><PrivateAction>{action}</PrivateAction></Action>{trigger(condition, delay)}
  </Event></Maneuver></ManeuverGroup>{trigger(act_condition)}</Act></Story>"""


def scenario(
    entities: str, init: str, stories: str = "", parameters: str = "", more: str = "", stop: str = "<StopTrigger/>",
    title: str = "a test",
) -> str:  # fmt: skip
    """A whole file; ``more`` stands between parameters and entities (catalogs, road network)."""
    declared = f"<ParameterDeclarations>{parameters}</ParameterDeclarations>" if parameters else ""
    return (
        HEAD.format(title=title)
        + f"{declared}{more}<Entities>{entities}</Entities>\n<Storyboard><Init><Actions>{init}</Actions></Init>"
        + f"{stories}{stop}</Storyboard></OpenSCENARIO>\n"
    )


def parameter(name: str, value: str, kind: str = "double") -> str:
    """A declared parameter."""
    return f'<ParameterDeclaration name="{name}" parameterType="{kind}" value="{value}"/>'


LANE = '<LanePosition roadId="0" laneId="-1" s="50"/>'
BEHIND_EGO = '<RelativeLanePosition entityRef="Ego" dLane="0" ds="${5*$_v}" offset="$_aside"/>'

#: A car ahead that stands, drives or brakes, by its parameters.
REAR = scenario(
    car("Ego", 4.36, 1.8, 1.35) + car("Target"),
    private("Ego", LANE, "$_v") + private("Target", BEHIND_EGO, "$_target"),
    event(
        "placing", "Target",
        '<LongitudinalAction><LongitudinalDistanceAction freespace="true" continuous="false" entityRef="Ego" distance="$headway" '
        'displacement="leadingReferencedEntity"/></LongitudinalAction>',
        act_condition='<ByValueCondition><ParameterCondition parameterRef="brakes" rule="equalTo" value="true"/></ByValueCondition>',
    )
    + event(
        "braking", "Target",
        '<LongitudinalAction><SpeedAction><SpeedActionDynamics dynamicsShape="linear" dynamicsDimension="rate" value="$rate"/>'
        '<SpeedActionTarget><AbsoluteTargetSpeed value="0"/></SpeedActionTarget></SpeedAction></LongitudinalAction>',
        '<ByValueCondition><StoryboardElementStateCondition storyboardElementType="maneuver" storyboardElementRef="placing maneuver" '
        'state="completeState"/></ByValueCondition>',
        act_condition='<ByValueCondition><ParameterCondition parameterRef="brakes" rule="equalTo" value="true"/></ByValueCondition>',
        delay=3.0,
    ),
    parameter("v_kph", "50") + parameter("target_kph", "0") + parameter("aside", "0") + parameter("brakes", "false", "boolean")
    + parameter("headway", "12") + parameter("rate", "2") + parameter("_v", "${$v_kph/3.6}")
    + parameter("_target", "${$target_kph/3.6}") + parameter("_aside", "${sign($aside)*min(1.0, abs($aside))*0.4}"),
    title="car to car, rear",
)  # fmt: skip

WAY_CATALOG = (
    HEAD.format(title="ways")
    + """<Catalog name="Ways"><Trajectory name="across" closed="false">
  <ParameterDeclarations><ParameterDeclaration name="at" parameterType="double" value="100"/>
    <ParameterDeclaration name="from" parameterType="double" value="-4"/>
    <ParameterDeclaration name="side" parameterType="int" value="1"/></ParameterDeclarations>
  <Shape><Polyline>
    <Vertex><Position><LanePosition roadId="0" laneId="-1" s="$at" offset="${$from*$side}">
      <Orientation h="${$side*pi/2}" type="relative"/></LanePosition></Position></Vertex>
    <Vertex><Position><LanePosition roadId="0" laneId="-1" s="$at" offset="${-1*$from*$side}">
      <Orientation h="${$side*pi/2}" type="relative"/></LanePosition></Position></Vertex>
  </Polyline></Shape></Trajectory></Catalog></OpenSCENARIO>
"""
)

_WAY = """<CatalogReference catalogName="Ways" entryName="across"><ParameterAssignments>
  <ParameterAssignment parameterRef="at" value="$_at"/><ParameterAssignment parameterRef="from" value="${-1*$beside}"/>
  <ParameterAssignment parameterRef="side" value="$side"/></ParameterAssignments></CatalogReference>"""

#: A pedestrian who crosses so that the ego meets it: from the near side (side 1) or the far side (-1).
CROSSING = scenario(
    car("Ego", 4.36, 1.8, 1.35) + walker("VRU"),
    private("Ego", LANE, "$_v")
    + f"""<Private entityRef="VRU"><PrivateAction><RoutingAction><FollowTrajectoryAction><TimeReference><None/></TimeReference>
  <TrajectoryFollowingMode followingMode="position"/><TrajectoryRef>{_WAY}</TrajectoryRef></FollowTrajectoryAction></RoutingAction>
  </PrivateAction></Private>""",
    event(
        "meeting", "VRU",
        f"""<SynchronizeAction masterEntityRef="Ego"><TargetPositionMaster>
  <LanePosition roadId="0" laneId="-1" s="${{$_at-3.53-0.25}}"/></TargetPositionMaster>
  <TargetPosition><TrajectoryPosition s="$beside"><TrajectoryRef>{_WAY}</TrajectoryRef></TrajectoryPosition></TargetPosition>
  <FinalSpeed><AbsoluteSpeed value="$_pace"><TargetDistanceSteadyState distance="3"/></AbsoluteSpeed></FinalSpeed></SynchronizeAction>""",
    ),
    parameter("v_kph", "40") + parameter("pace_kph", "5") + parameter("beside", "4") + parameter("side", "1", "int")
    + parameter("_v", "${$v_kph/3.6}") + parameter("_pace", "${$pace_kph/3.6}") + parameter("_at", "${50+6*$_v}"),
    '<CatalogLocations><TrajectoryCatalog><Directory path="ways"/></TrajectoryCatalog></CatalogLocations>'
    '<RoadNetwork><LogicFile filepath="absent.xodr"/></RoadNetwork>',
    title="car to pedestrian",
)  # fmt: skip


#: A car that drives backwards along its lane and a pedestrian who crosses behind it.
REVERSING = scenario(
    car("Ego", 4.36, 1.8, 1.35) + walker("VRU"),
    f"""<Private entityRef="Ego"><PrivateAction><RoutingAction><FollowTrajectoryAction><TimeReference><None/></TimeReference>
  <TrajectoryFollowingMode followingMode="follow"/><TrajectoryRef><Trajectory name="back" closed="false"><Shape><Polyline>
  <Vertex><Position><RoadPosition roadId="0" s="50" t="0"/></Position></Vertex>
  <Vertex><Position><RoadPosition roadId="0" s="30" t="0"/></Position></Vertex></Polyline></Shape></Trajectory></TrajectoryRef>
  </FollowTrajectoryAction></RoutingAction></PrivateAction>
  <PrivateAction><LongitudinalAction><SpeedAction>{AT_ONCE}<SpeedActionTarget><AbsoluteTargetSpeed value="${{-1*$_v}}"/>
  </SpeedActionTarget></SpeedAction></LongitudinalAction></PrivateAction>
  <PrivateAction><TeleportAction><Position><RoadPosition roadId="0" s="50" t="0"/></Position></TeleportAction></PrivateAction></Private>
  <Private entityRef="VRU"><PrivateAction><RoutingAction><FollowTrajectoryAction><TimeReference><None/></TimeReference>
  <TrajectoryFollowingMode followingMode="position"/><TrajectoryRef><Trajectory name="across" closed="false"><Shape><Polyline>
  <Vertex><Position><RoadPosition roadId="0" s="40" t="-4"/></Position></Vertex>
  <Vertex><Position><RoadPosition roadId="0" s="40" t="4"/></Position></Vertex></Polyline></Shape></Trajectory></TrajectoryRef>
  </FollowTrajectoryAction></RoutingAction></PrivateAction></Private>""",
    event(
        "meeting", "VRU",
        """<SynchronizeAction masterEntityRef="Ego"><TargetPositionMaster><TrajectoryPosition s="9"/></TargetPositionMaster>
  <TargetPosition><TrajectoryPosition s="4"/></TargetPosition>
  <FinalSpeed><AbsoluteSpeed value="1.4"/></FinalSpeed></SynchronizeAction>""",
    ),
    parameter("v_kph", "8") + parameter("_v", "${$v_kph/3.6}"),
    title="car to pedestrian, reversing",
)  # fmt: skip


def write(folder: Path, text: str, name: str = "test.xosc") -> Path:
    """The file in a folder, with the catalog of ways beside it."""
    (folder / "ways").mkdir(exist_ok=True)
    (folder / "ways/ways.xosc").write_text(WAY_CATALOG, encoding="utf-8")
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path
