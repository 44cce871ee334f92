"""Routes over a crossing: ways, turns, positions along them, and what entities do with them."""

import math
from pathlib import Path

import pytest

from geometry.errors import InputError
from maps.road_network import RoadNetwork, RoadPosition
from sim.scenarios.openscenario.ways import distance_along, find_way, way_through
from tests.maps.conftest import Writer
from tests.sim.openscenario.conftest import VEHICLE, speed_to

TURN = '<geometry s="0" x="100" y="0" hdg="0" length="31.41592653589793"><arc curvature="0.05"/></geometry>'


@pytest.fixture
def crossing(tmp_path: Path) -> Path:
    """Road 1 leads east to a junction; 2 goes straight on, 3 turns to the left behind it."""
    w = Writer(tmp_path)
    inside = {"junction": "9"}
    along = w.section(w.lane(1, inside=w.link(1, 1)), w.lane(-1, inside=w.link(-1, -1)))
    to_junction = '<successor elementType="junction" elementId="9"/>'
    from_junction = '<predecessor elementType="junction" elementId="9"/>'
    between = '<predecessor elementType="road" elementId="1" contactPoint="end"/><successor elementType="road" elementId="{}" contactPoint="start"/>'  # noqa: E501 - one element
    connections = "".join(
        f'<connection id="{i}" incomingRoad="1" connectingRoad="{road}" contactPoint="start"><laneLink from="-1" '
        f'to="-1"/></connection>'
        for i, road in enumerate((10, 11))
    )
    return w.file(
        w.road("1", 100.0, link=to_junction),
        w.road("2", 100.0, link=from_junction, x=120.0),
        w.road("3", 100.0, link=from_junction, x=120.0, y=20.0, hdg=math.pi / 2),
        w.road("10", 20.0, sections=along, link=between.format(2), x=100.0, **inside),
        w.road("11", 31.41592653589793, sections=along, link=between.format(3), geometry=TURN, **inside),
        f'<junction id="9" name="crossing">{connections}</junction>',
    )


@pytest.fixture
def network(crossing: Path) -> RoadNetwork:
    from maps.opendrive import read_opendrive

    return read_opendrive(crossing)


def test_a_way_leads_through_the_junction_and_is_as_long_as_its_roads(network: RoadNetwork) -> None:
    way = find_way(network, RoadPosition("1", 40.0, -1), True, RoadPosition("3", 10.0, -1), in_order=True)
    assert [stretch.road_id for stretch in way] == ["1", "11", "3"]
    assert sum(stretch.length_m for stretch in way) == pytest.approx(60.0 + 10.0 * math.pi + 10.0)


def test_distances_are_negative_behind_and_symmetrical(network: RoadNetwork) -> None:
    here, there = RoadPosition("1", 40.0, -1), RoadPosition("2", 10.0, -1)
    assert distance_along(network, here, True, there) == pytest.approx(90.0)
    assert distance_along(network, here, False, there) == pytest.approx(-90.0)
    assert distance_along(network, there, True, here) == pytest.approx(-90.0)


def test_no_way_leads_out_of_a_dead_end_or_turns_around(network: RoadNetwork) -> None:
    start, goal = RoadPosition("3", 50.0, -1), RoadPosition("1", 50.0, -1)
    assert find_way(network, start, True, goal, in_order=False) == ()
    assert way_through(network, (RoadPosition("2", 50.0, -1), RoadPosition("3", 50.0, -1))) is None


def test_metres_along_a_way_and_places_on_it_belong_together(network: RoadNetwork) -> None:
    way = way_through(network, (RoadPosition("1", 40.0, -1), RoadPosition("3", 90.0, -1)))
    assert way is not None
    for path_m in (0.0, 30.0, 70.0, 120.0):
        stretch, s_m = way.stretch_at(path_m)
        assert way.path_m(RoadPosition(stretch.road_id, s_m, -1)) == pytest.approx(path_m)


LANE = '<LanePosition roadId="{}" laneId="-1" s="{}"/>'
WAYPOINT = '<Waypoint routeStrategy="shortest"><Position>{}</Position></Waypoint>'


def route(*places: str) -> str:
    return f'<Route name="r" closed="false">{"".join(WAYPOINT.format(place) for place in places)}</Route>'


def scenario(folder: Path, position: str, *routing: str) -> Path:
    actions = "".join(f"<PrivateAction><RoutingAction>{action}</RoutingAction></PrivateAction>" for action in routing)
    path = folder / "test.xosc"
    path.write_text(
        '<OpenSCENARIO><FileHeader revMajor="1" revMinor="2" date="2026-01-01T00:00:00" description="" author=""/>'
        '<RoadNetwork><LogicFile filepath="map.xodr"/></RoadNetwork>'
        f'<Entities><ScenarioObject name="Ego">{VEHICLE.format(name="Ego")}</ScenarioObject></Entities>'
        '<Storyboard><Init><Actions><Private entityRef="Ego"><PrivateAction><TeleportAction><Position>'
        f"{position}</Position></TeleportAction></PrivateAction>{speed_to('20')}{actions}</Private></Actions></Init>"
        "<StopTrigger/></Storyboard></OpenSCENARIO>"
    )
    return path


def driven(path: Path, seconds: float) -> tuple[float, float, float]:
    from sim.scenarios.openscenario.load import load_scenario
    from sim.scenarios.scripted import scripted_states

    engine = load_scenario(path, ego_driver="scripted")
    *_, (_, world) = scripted_states(engine, 20_000_000, round(seconds * 1e9))
    return float(world.x_m[0, 0]), float(world.y_m[0, 0]), float(world.yaw_rad[0, 0])


def test_without_a_route_one_goes_straight_on(crossing: Path) -> None:
    x, y, yaw = driven(scenario(crossing.parent, LANE.format(1, 20)), 8.0)
    assert (x, y, yaw) == pytest.approx((180.0, -1.75, 0.0), abs=1e-6)


@pytest.mark.parametrize(
    "routing",
    [
        f"<AssignRouteAction>{route(LANE.format(1, 20), LANE.format(3, 80))}</AssignRouteAction>",
        f"<AcquirePositionAction><Position>{LANE.format(3, 80)}</Position></AcquirePositionAction>",
    ],
    ids=["assigned", "acquired"],
)
def test_a_route_decides_the_turn(crossing: Path, routing: str) -> None:
    x, y, yaw = driven(scenario(crossing.parent, LANE.format(1, 20), routing), 8.0)
    assert (x, yaw) == pytest.approx((121.75, math.pi / 2), abs=1e-3)
    assert y > 40.0


def test_a_position_on_a_route_counts_from_its_first_waypoint(crossing: Path) -> None:
    inside = '<InRoutePosition><FromLaneCoordinates pathS="{}" laneId="-1"/></InRoutePosition>'
    ref = f"<RouteRef>{route(LANE.format(1, 30), LANE.format(3, 80))}</RouteRef>"
    on_first = driven(scenario(crossing.parent, f"<RoutePosition>{ref}{inside.format(40)}</RoutePosition>"), 0.0)
    assert on_first == pytest.approx((70.0, -1.75, 0.0), abs=1e-6)
    behind = 70.0 + 10.0 * math.pi + 25.0
    on_last = driven(scenario(crossing.parent, f"<RoutePosition>{ref}{inside.format(behind)}</RoutePosition>"), 0.0)
    assert on_last == pytest.approx((121.75, 45.0, math.pi / 2), abs=1e-3)


def test_a_route_that_no_road_connects_is_refused_with_its_place(crossing: Path) -> None:
    action = f"<AssignRouteAction>{route(LANE.format(2, 30), LANE.format(3, 30))}</AssignRouteAction>"
    with pytest.raises(InputError, match=r"no roads lead through all waypoints of the route 'r'") as caught:
        driven(scenario(crossing.parent, LANE.format(1, 20), action), 1.0)
    assert caught.value.place is not None


def test_a_route_needs_two_waypoints(crossing: Path) -> None:
    action = f"<AssignRouteAction>{route(LANE.format(2, 30))}</AssignRouteAction>"
    with pytest.raises(InputError, match="at least two waypoints"):
        driven(scenario(crossing.parent, LANE.format(1, 20), action), 1.0)


def test_the_goal_of_the_ego_is_the_end_of_its_route(crossing: Path) -> None:
    from sim.scenarios.openscenario.load import load_scenario

    action = f"<AssignRouteAction>{route(LANE.format(1, 20), LANE.format(3, 80))}</AssignRouteAction>"
    engine = load_scenario(scenario(crossing.parent, LANE.format(1, 20), action), ego_driver="stack")
    assert engine.ego_goal is not None
    assert (engine.ego_goal.x_m, engine.ego_goal.y_m) == pytest.approx((121.75, 100.0), abs=1e-3)
    assert load_scenario(scenario(crossing.parent, LANE.format(1, 20))).ego_goal is None
