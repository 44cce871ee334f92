"""Actions on one entity and on the stage: trajectories, distances, synchronization, variables, signals, trailers."""

import math
from collections.abc import Callable

import pytest

from bus.messages import WeatherKind
from geometry.errors import InputError
from sim.scenarios.scripted import scripted_states
from sim.weather import CLEAR_DAY
from tests.sim.openscenario.conftest import VEHICLE, Files, Played, after, at_time, event, lane_to, speed_to, when

Play = Callable[..., Played]


def private(kind: str, inside: str) -> str:
    return f"<PrivateAction><{kind}>{inside}</{kind}></PrivateAction>"


def follow(shape: str, timing: str = "<None/>", more: str = "") -> str:
    return private(
        "RoutingAction",
        f'<FollowTrajectoryAction {more}><Trajectory name="t" closed="false"><Shape>{shape}</Shape></Trajectory>'
        f'<TimeReference>{timing}</TimeReference><TrajectoryFollowingMode followingMode="position"/>'
        "</FollowTrajectoryAction>",
    )


def vertex(x: float, y: float, time: str = "") -> str:
    return f'<Vertex {time}><Position><WorldPosition x="{x}" y="{y}"/></Position></Vertex>'


HERE = '<Position><RelativeObjectPosition entityRef="Other" dx="0" dy="0"/></Position>'


def test_a_polyline_is_followed_at_the_own_speed_and_left_straight_on(play: Play) -> None:
    line = "<Polyline>" + vertex(150, -10) + vertex(200, -10) + vertex(200, 30) + "</Polyline>"
    played = play(event("go", at_time(1.0), follow(line)))
    begin = next(t for t, _, y, *_ in played.rows if abs(y + 10.0) < 1e-6)
    assert played.at(begin + 2.0)[0] == pytest.approx(190.0, abs=1.0)
    assert played.at(begin + 3.0)[1] == pytest.approx(0.0, abs=1.0)
    assert played.at(begin + 3.0)[2] == pytest.approx(math.pi / 2)


def test_a_timed_trajectory_keeps_its_clock_whatever_the_speed(play: Play) -> None:
    line = "<Polyline>" + vertex(150, -10, 'time="0"') + vertex(190, -10, 'time="4"') + "</Polyline>"
    timing = '<Timing domainAbsoluteRelative="relative" scale="1" offset="0"/>'
    played = play(event("go", at_time(1.0), follow(line, timing)))
    begin = next(t for t, _, y, *_ in played.rows if abs(y + 10.0) < 1e-6) - 0.02
    assert played.at(begin + 2.0)[0] == pytest.approx(170.0, abs=0.3)
    assert played.speed(begin + 2.0) == pytest.approx(10.0, abs=0.05)


def test_a_clothoid_turns_by_the_integral_of_its_curvature(play: Play) -> None:
    shape = f'<Clothoid curvature="0" curvaturePrime="0.0005" length="60">{HERE}</Clothoid>'
    played = play(event("go", at_time(1.0), follow(shape)), seconds=3.9)
    assert played.rows[-1][3] - played.rows[0][3] == pytest.approx(0.5 * 0.0005 * (2.9 * 20.0) ** 2, abs=0.05)


def test_a_chain_of_segments_begins_where_the_entity_is(play: Play) -> None:
    segment = '<ClothoidSplineSegment curvatureStart="{}" curvatureEnd="{}" length="20"/>'
    shape = "<ClothoidSpline>" + segment.format(0, 0.02) + segment.format(0.02, 0) + "</ClothoidSpline>"
    played = play(event("go", at_time(1.0), follow(shape)), seconds=4.0)
    steps = [math.hypot(b[1] - a[1], b[2] - a[2]) for a, b in zip(played.rows, played.rows[1:], strict=False)]
    assert max(steps) == pytest.approx(0.4, abs=1e-3)
    assert max(row[3] for row in played.rows) - played.rows[0][3] == pytest.approx(0.4, abs=1e-3)


def test_a_trajectory_with_wrong_knots_or_times_is_refused(xosc: Files) -> None:
    point = f'<ControlPoint weight="1">{HERE}</ControlPoint>'
    nurbs = f'<Nurbs order="2">{point * 3}<Knot value="0"/><Knot value="1"/></Nurbs>'
    with pytest.raises(InputError, match="need 5 rising knots"):
        xosc.engine(event("go", at_time(1.0), follow(nurbs)))
    late = "<Polyline>" + vertex(0, 0, 'time="2"') + vertex(9, 0, 'time="1"') + "</Polyline>"
    with pytest.raises(InputError, match="must not decrease"):
        xosc.engine(event("go", at_time(1.0), follow(late)))


def distance(attributes: str, constraints: str = "") -> str:
    return private(
        "LongitudinalAction",
        f'<LongitudinalDistanceAction entityRef="Ego" {attributes} freespace="true" '
        f'displacement="leadingReferencedEntity">{constraints}</LongitudinalDistanceAction>',
    )


def gap(xosc: Files, *events: str, seconds: float = 14.0) -> list[float]:
    """Bumper to bumper between the ego and the one ahead of it, every 0.1 s."""
    engine = xosc.engine(*events)
    rows = scripted_states(engine, 20_000_000, round(seconds * 1e9))
    return [float(world.x_m[0, 1] - world.x_m[0, 0]) - 5.0 for t, world in rows if t % 100_000_000 == 0]


def test_a_kept_distance_is_reached_within_the_bounds_and_held(xosc: Files) -> None:
    bounds = '<DynamicConstraints maxAcceleration="3" maxDeceleration="5" maxSpeed="60"/>'
    gaps = gap(xosc, event("keep", at_time(1.0), distance('distance="20" continuous="true"', bounds)))
    assert gaps[0] == pytest.approx(45.0)
    assert gaps[-1] == pytest.approx(20.0, abs=0.1)
    second = [(a - 2 * b + c) / 0.01 for a, b, c in zip(gaps, gaps[1:], gaps[2:], strict=False)]
    assert max(second) <= 3.0 + 1e-6
    assert min(second) >= -5.0 - 1e-6


def test_a_distance_without_bounds_holds_at_once(xosc: Files) -> None:
    gaps = gap(xosc, event("keep", at_time(1.0), distance('distance="12" continuous="false"')), seconds=4.0)
    assert gaps[15:] == pytest.approx([12.0] * len(gaps[15:]), abs=0.5)


def lateral_distance(attributes: str, bounds: str) -> str:
    return private(
        "LateralAction",
        f'<LateralDistanceAction entityRef="Ego" coordinateSystem="road" freespace="true" {attributes}>'
        f"<DynamicConstraints {bounds}/></LateralDistanceAction>",
    )


def test_a_lateral_distance_is_taken_on_the_side_that_is_asked_for(play: Play) -> None:
    for side, sign in (("leftToReferencedEntity", 1.0), ("rightToReferencedEntity", -1.0)):
        action = lateral_distance(f'distance="1" continuous="true" displacement="{side}"', 'maxSpeed="2"')
        played = play(event("keep", at_time(1.0), action))
        assert played.lateral(8.0) == pytest.approx(sign * 3.0, abs=0.01)  # a metre between two cars of two
        rates = [abs(b[2] - a[2]) / 0.02 for a, b in zip(played.rows, played.rows[1:], strict=False)]
        assert max(rates) <= 2.0 + 1e-6


def synchronize(target_s: float, own_s: float, final: str) -> str:
    at = '<LanePosition roadId="1" laneId="-2" s="{}"/>'
    return (
        '<PrivateAction><SynchronizeAction masterEntityRef="Ego">'
        f"<TargetPositionMaster>{at.format(target_s)}</TargetPositionMaster>"
        f"<TargetPosition>{at.format(own_s)}</TargetPosition><FinalSpeed>{final}</FinalSpeed>"
        "</SynchronizeAction></PrivateAction>"
    )


@pytest.mark.parametrize("own_s", [320.0, 380.0, 450.0])
def test_both_arrive_together_and_with_the_final_speed(xosc: Files, own_s: float) -> None:
    """The ego needs 10 s to s = 300; the other one begins at 150 with 20 m/s."""
    final = '<AbsoluteSpeed value="15"/>'
    engine = xosc.engine(event("sync", at_time(0.1), synchronize(300.0, own_s, final)))
    for t_ns, world in scripted_states(engine, 20_000_000, 12_000_000_000):
        if t_ns == 9_940_000_000:
            assert world.x_m[0, 1] == pytest.approx(own_s, abs=1.5)
            assert world.speed_mps[0, 1] == pytest.approx(15.0, abs=0.5)
            return
    raise AssertionError("the scenario ended too early")


def test_a_steady_state_is_driven_at_the_final_speed(xosc: Files) -> None:
    final = '<AbsoluteSpeed value="10"><TargetDistanceSteadyState distance="30"/></AbsoluteSpeed>'
    engine = xosc.engine(event("sync", at_time(0.1), synchronize(300.0, 260.0, final)))
    for _, world in scripted_states(engine, 20_000_000, 9_900_000_000):
        if 232.0 <= world.x_m[0, 1] <= 258.0:
            assert world.speed_mps[0, 1] == pytest.approx(10.0, abs=1e-6)


def set_variable(name: str, value: str) -> str:
    return (
        f'<GlobalAction><VariableAction variableRef="{name}"><SetAction value="{value}"/></VariableAction>'
        "</GlobalAction>"
    )


def variable_is(name: str, value: str, rule: str = "equalTo") -> str:
    return (
        f'<Condition name="v" delay="0" conditionEdge="none"><ByValueCondition><VariableCondition variableRef="{name}" '
        f'rule="{rule}" value="{value}"/></ByValueCondition></Condition>'
    )


def with_variables(xosc: Files, *events: str) -> str:
    declared = (
        '<VariableDeclarations><VariableDeclaration name="n" variableType="int" value="3"/></VariableDeclarations>'
    )
    return xosc.text(*events).replace("<CatalogLocations>", declared + "<CatalogLocations>")


def last_speed(xosc: Files, text: str) -> float:
    from sim.scenarios.openscenario.load import load_scenario

    engine = load_scenario(xosc.write(text), ego_driver="scripted")
    *_, (_, world) = scripted_states(engine, 20_000_000, 4_000_000_000)
    return float(world.speed_mps[0, 1])


def test_a_variable_can_be_set_modified_and_asked(xosc: Files) -> None:
    twice = (
        '<GlobalAction><VariableAction variableRef="n"><ModifyAction><Rule><MultiplyByValue value="2"/></Rule>'
        "</ModifyAction></VariableAction></GlobalAction>"
    )
    events = (event("twice", at_time(1.0), twice), event("slow", variable_is("n", "6"), speed_to("5")))
    assert last_speed(xosc, with_variables(xosc, *events)) == 5.0
    events = (event("set", at_time(1.0), set_variable("n", "7")), event("slow", variable_is("n", "6"), speed_to("5")))
    assert last_speed(xosc, with_variables(xosc, *events)) == 20.0


def test_a_variable_of_the_wrong_type_or_name_is_refused(xosc: Files) -> None:
    with pytest.raises(InputError, match="an integer from"):
        last_speed(xosc, with_variables(xosc, event("set", at_time(1.0), set_variable("n", "1.5"))))
    with pytest.raises(InputError, match="there is no variable 'm'; declared are n"):
        last_speed(xosc, with_variables(xosc, event("set", at_time(1.0), set_variable("m", "1"))))


def signal_is(state: str) -> str:
    return (
        '<Condition name="s" delay="0" conditionEdge="none"><ByValueCondition><TrafficSignalCondition name="7" '
        f'state="{state}"/></ByValueCondition></Condition>'
    )


def test_a_signal_controller_goes_through_its_phases(xosc: Files) -> None:
    phase = '<Phase name="{0}" duration="{1}"><TrafficSignalState trafficSignalId="7" state="{0}"/></Phase>'
    controller = (
        '<TrafficSignals><TrafficSignalController name="c">' + phase.format("red", 2) + phase.format("green", 5)
        + "</TrafficSignalController></TrafficSignals>"
    )  # fmt: skip
    text = xosc.text(event("go", signal_is("green"), speed_to("5"))).replace(
        '<LogicFile filepath="road.xodr"/>', '<LogicFile filepath="road.xodr"/>' + controller
    )
    from sim.scenarios.openscenario.load import load_scenario

    engine = load_scenario(xosc.write(text), ego_driver="scripted")
    started = next(t for t, w in scripted_states(engine, 20_000_000, 9_000_000_000) if w.speed_mps[0, 1] == 5.0)
    assert started * 1e-9 == pytest.approx(2.0, abs=0.05)


def test_weather_reaches_the_engine_and_unnamed_parts_stay(xosc: Files) -> None:
    rain = (
        '<GlobalAction><EnvironmentAction><Environment name="e"><Weather fractionalCloudCover="eightOktas">'
        '<Precipitation precipitationType="rain" precipitationIntensity="4"/></Weather>'
        '<RoadCondition frictionScaleFactor="0.6"/></Environment></EnvironmentAction></GlobalAction>'
    )
    fog = (
        '<GlobalAction><EnvironmentAction><Environment name="e"><Weather><Fog visualRange="80"/></Weather>'
        "</Environment></EnvironmentAction></GlobalAction>"
    )
    engine = xosc.engine(event("fog", at_time(1.0), fog), init=rain)
    assert (engine.weather.kind, engine.weather.friction) == (WeatherKind.RAIN, 0.6)
    assert engine.weather.visibility_m == CLEAR_DAY.visibility_m
    list(scripted_states(engine, 20_000_000, 2_000_000_000))
    assert (engine.weather.visibility_m, engine.weather.precipitation_mmph) == (80.0, 4.0)


def test_entities_come_and_go(xosc: Files) -> None:
    gone = '<GlobalAction><EntityAction entityRef="Other"><DeleteEntityAction/></EntityAction></GlobalAction>'
    back = (
        '<GlobalAction><EntityAction entityRef="Other"><AddEntityAction><Position><WorldPosition x="700" y="-7.6"/>'
        "</Position></AddEntityAction></EntityAction></GlobalAction>"
    )
    engine = xosc.engine(event("gone", at_time(1.0), gone), event("back", at_time(3.0), back))
    present = {t // 500_000_000: world for t, world in scripted_states(engine, 20_000_000, 4_000_000_000)}
    assert [bool(present[k].present[0, 1]) for k in (1, 4, 8)] == [True, False, True]
    assert present[8].x_m[0, 1] == pytest.approx(720.0, abs=20.0)


def test_a_trailer_follows_its_hitch(xosc: Files) -> None:
    drawn = VEHICLE.replace("<Properties/>", '<TrailerCoupler dx="6"/><Properties/>').format(name="cart")
    truck = VEHICLE.replace(
        "<Properties/>", f'<TrailerHitch dx="-1"/><Trailer><Trailer name="t">{drawn}</Trailer></Trailer><Properties/>'
    ).format(name="Truck")
    private_init = (
        '<Private entityRef="Truck"><PrivateAction><TeleportAction><Position><LanePosition roadId="1" laneId="-3" '
        f's="400"/></Position></TeleportAction></PrivateAction>{speed_to("15")}</Private>'
    )
    engine = xosc.engine(
        event("change", at_time(1.0), lane_to(-2)), actor="Truck", init=private_init,
        entities=f'<ScenarioObject name="Truck">{truck}</ScenarioObject>',
    )  # fmt: skip
    assert [shape.name for shape in engine.cast] == ["Ego", "Other", "Truck", "Truck+"]
    turned = 0.0
    for _, world in scripted_states(engine, 20_000_000, 8_000_000_000):
        x, y, yaw = (getattr(world, name)[0, 2:4] for name in ("x_m", "y_m", "yaw_rad"))
        hitch = (x[0] - math.cos(yaw[0]), y[0] - math.sin(yaw[0]))
        coupler = (x[1] + 6.0 * math.cos(yaw[1]), y[1] + 6.0 * math.sin(yaw[1]))
        assert math.dist(hitch, coupler) < 1e-6
        turned = max(turned, abs(yaw[1] - yaw[0]))
    assert 0.005 < turned < 0.2


def test_events_of_one_name_in_two_maneuvers_are_told_apart(play: Play) -> None:
    """The condition means the event of its own maneuver, not that of the other group."""
    played = play(
        event("first", at_time(1.0), speed_to("15")),
        event("second", after("event", "first"), speed_to("25")),
    )
    assert played.speed(3.0) == 25.0


def test_a_reference_to_no_element_is_refused(play: Play) -> None:
    with pytest.raises(InputError, match="there is no event 'nothing'; there are second"):
        play(event("second", after("event", "nothing"), speed_to("25")))


@pytest.mark.parametrize("reference", ["", ":", "::", ":first", "nobody::first"])
def test_a_reference_of_colons_is_refused_or_found(play: Play, reference: str) -> None:
    events = (event("first", at_time(1.0), speed_to("15")), event("second", after("event", reference), speed_to("25")))
    if reference == ":first":
        assert play(*events).speed(3.0) == 25.0
        return
    with pytest.raises(InputError, match="there is no event"):
        play(*events)


def test_a_reference_may_name_the_elements_around(play: Play) -> None:
    played = play(
        event("first", at_time(1.0), speed_to("15")),
        event("second", after("event", "group::maneuver::first"), speed_to("25")),
    )
    assert played.speed(3.0) == 25.0


def test_standing_is_counted_from_the_moment_of_standing(play: Play) -> None:
    stand = when("Other", '<StandStillCondition duration="2"/>')
    played = play(event("halt", at_time(1.0), speed_to("0")), event("go", stand, speed_to("9")))
    halted = next(t for t, *_, v in played.rows if v == 0.0)
    started = next(t for t, *_, v in played.rows if v == 9.0)
    assert started - halted == pytest.approx(2.0, abs=0.05)


def test_at_the_end_of_the_road_one_stands_until_told_otherwise(play: Play) -> None:
    end = when("Other", '<EndOfRoadCondition duration="1"/>')
    back = private("TeleportAction", '<Position><LanePosition roadId="1" laneId="-2" s="50"/></Position>')
    stop = f"<ConditionGroup>{at_time(60.0)}</ConditionGroup>"
    played = play(event("back", end, back), speed="69", seconds=45.0, stop=stop)
    ended = next(t for t, *_, v in played.rows if v == 0.0)
    jumped = next(t for t, x, *_ in played.rows if t > ended and x < 100.0)
    assert ended == pytest.approx((3000.0 - 150.0) / 69.0, abs=0.1)
    assert jumped - ended == pytest.approx(1.0, abs=0.06)


def swarm(count: int = 12) -> str:
    return (
        '<GlobalAction><TrafficAction trafficName="flow"><TrafficSwarmAction innerRadius="30" '
        f'numberOfVehicles="{count}" offset="0" semiMajorAxis="300" semiMinorAxis="60" velocity="18">'
        '<CentralObject entityRef="Ego"/></TrafficSwarmAction></TrafficAction></GlobalAction>'
    )


def test_a_swarm_fills_its_ellipse_without_contacts_and_keeps_off_the_middle(xosc: Files) -> None:
    from sim.scenarios.openscenario.distances import boxes_apart_m

    engine = xosc.engine(event("late", at_time(50.0), speed_to("9")), init=swarm(), speed="15")
    assert len(engine.cast) == 14
    seen = 0
    before = [False] * 14
    for t_ns, world in scripted_states(engine, 50_000_000, 20_000_000_000):
        movers = engine.runtime.movers
        for mover in movers[2:]:
            away = math.dist((mover.pose.x_m, mover.pose.y_m), (movers[0].pose.x_m, movers[0].pose.y_m))
            if mover.present and not before[mover.index]:
                assert away > 28.0
            assert not mover.present or away < 340.0
        before = [mover.present for mover in movers]
        seen = max(seen, int(world.present[0, 2:].sum()))
        if t_ns % 1_000_000_000 == 0:
            outlines = [mover.corners() for mover in movers if mover.present]
            pairs = ((a, b) for i, a in enumerate(outlines) for b in outlines[:i])
            assert all(boxes_apart_m(a, b) > 0.0 for a, b in pairs)
    assert seen >= 8


def test_a_swarm_is_the_same_twice_and_stops_when_told(xosc: Files) -> None:
    stop = '<GlobalAction><TrafficAction trafficName="flow"><TrafficStopAction/></TrafficAction></GlobalAction>'

    def last() -> tuple[list[float], int]:
        engine = xosc.engine(event("stop", at_time(6.0), stop), init=swarm())
        states = {t // 500_000_000: world for t, world in scripted_states(engine, 50_000_000, 7_000_000_000)}
        return [float(x) for x in states[10].x_m[0]], int(states[14].present[0].sum())

    assert last() == last()
    assert last()[1] == 2


def test_a_swarm_of_too_many_is_refused(xosc: Files) -> None:
    with pytest.raises(InputError, match="a number from 0 to 200"):
        xosc.engine(init=swarm(100_000))
