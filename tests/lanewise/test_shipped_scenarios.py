"""The shipped scenarios and their roads: valid, self-contained, and as their script says."""

from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from geometry.errors import InputError
from lanewise.scenarios.catalog import FOLDER, shipped, shipped_scenario
from lanewise.scenarios.own_maps import MAPS
from lanewise.scripted import run_scripted
from maps.lane_map import LaneMap
from maps.lane_sampling import sample_lanes
from maps.opendrive import read_opendrive
from maps.opendrive_writer import opendrive_text
from maps.road_network import RoadPosition
from maps.route import follow_lane
from maps.strict_xml import number, read_xml

HIGHWAY = ("curve", "cut-in", "cut-out", "merge", "stopped-lead")
TOWN = ("cyclist", "jaywalker", "narrow-street", "parked-car", "zebra")
SCENARIOS = tuple(sorted((*HIGHWAY, *TOWN)))


@pytest.fixture(params=sorted(MAPS))
def lane_map(request: pytest.FixtureRequest) -> LaneMap:
    return sample_lanes(read_opendrive(FOLDER / "maps" / f"{request.param}.xodr"))


def test_shipped_names_lead_to_files_and_others_to_a_list_of_names() -> None:
    assert tuple(shipped()) == SCENARIOS
    assert all(shipped_scenario(name).is_file() for name in SCENARIOS)
    with pytest.raises(
        InputError, match="there is no scenario file or shipped scenario 'tea'; shipped are curve, cut-in"
    ):
        shipped_scenario("tea")


@pytest.mark.parametrize("name", sorted(MAPS))
def test_the_maps_are_what_their_script_makes(name: str) -> None:
    assert (FOLDER / "maps" / f"{name}.xodr").read_bytes() == opendrive_text(MAPS[name](), name)


@pytest.mark.parametrize("path", [*shipped().values(), *(FOLDER / "catalogs").glob("*.xosc")], ids=lambda p: p.stem)
def test_scenarios_and_catalogs_follow_the_schema(path: Path, data: Path) -> None:
    schema = etree.XMLSchema(etree.parse(data / "schema" / "OpenSCENARIOv1.2.xsd"))
    schema.assertValid(etree.parse(path))


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenarios_name_files_and_vehicles_that_ship(name: str) -> None:
    root = read_xml(shipped_scenario(name), root="OpenSCENARIO")
    assert all((FOLDER / file.get("filepath")).is_file() for file in root.iter("LogicFile"))
    assert all((FOLDER / folder.get("path")).is_dir() for folder in root.iter("Directory"))
    catalogs = [read_xml(path) for path in (FOLDER / "catalogs").glob("*.xosc")]
    entries = {entry.get("name") for catalog in catalogs for entry in catalog.iter("Vehicle", "Pedestrian")}
    assert {reference.get("entryName") for reference in root.iter("CatalogReference")} <= entries


@pytest.mark.parametrize("name", HIGHWAY)
def test_every_scenario_has_an_ego_that_takes_over_after_a_second_and_ends_in_time(name: str) -> None:
    root = read_xml(shipped_scenario(name))
    names = [entity.get("name") for entity in root.iter("ScenarioObject")]
    assert names[0] == "Ego"
    assert 2 <= len(names) <= 5
    (activation,) = [event for event in root.iter("Event") if event.find(".//ActivateControllerAction") is not None]
    assert number(activation.find(".//SimulationTimeCondition"), "value") == 1.0
    assert 20.0 <= number(root.find("Storyboard/StopTrigger//SimulationTimeCondition"), "value") <= 40.0


@pytest.mark.parametrize("name", HIGHWAY)
def test_no_scripted_vehicles_touch_but_the_ego(name: str) -> None:
    played = run_scripted(name, {}, None, 0.02, 60.0, None, lambda _: None)
    assert [contact for contact in played.contacts if "Ego" not in contact[1:]] == []


@pytest.mark.parametrize("name", HIGHWAY)
def test_everybody_starts_on_a_lane_that_carries_traffic(name: str) -> None:
    root = read_xml(shipped_scenario(name))
    network = read_opendrive(FOLDER / root.find("RoadNetwork/LogicFile").get("filepath"))
    places: dict[str, RoadPosition] = {}
    for private in root.find("Storyboard/Init/Actions"):
        at = private.find(".//LanePosition")
        if at is None:
            at = private.find(".//RelativeLanePosition")
            base = places[at.get("entityRef")]
            place = RoadPosition(base.road_id, base.s_m + number(at, "ds"), base.lane_id + int(at.get("dLane")))
        else:
            place = RoadPosition(at.get("roadId"), number(at, "s"), int(at.get("laneId")))
        assert network.lane_kind(place.road_id, place.lane_id, place.s_m) in ("driving", "onRamp")
        assert 0.0 < place.s_m < network.road_length(place.road_id)
        places[private.get("entityRef")] = place


def test_carriageways_have_no_kinks(lane_map: LaneMap) -> None:
    in_town = any(lane_map.junction)
    sharpest_radpm = 1.0 / 8.0 if in_town else 1.0 / 150.0
    for lane, kind in enumerate(lane_map.kinds):
        if kind != "driving":
            continue
        route = follow_lane(lane_map, lane, 0.0, 5000.0)
        if any(one in lane_map.left_neighbour[list(route.lanes)] for one in route.lanes):
            continue  # a ramp's route changes to the carriageway
        steps_m = np.diff(route.path.s_m)
        turn = np.diff(route.path.yaw_rad) / (0.5 * (steps_m[1:] + steps_m[:-1]))
        assert np.abs(turn).max() < sharpest_radpm
        assert (route.left_m + route.right_m)[1:-1].max() <= 3.76


def test_the_ramp_joins_the_entry_lane_without_a_step() -> None:
    network = read_opendrive(FOLDER / "maps" / "highway_merge.xodr")
    end = network.world_pose(RoadPosition("2", network.road_length("2"), -1))
    start = network.world_pose(RoadPosition("3", 0.0, -4))
    assert (end.x_m, end.y_m, end.yaw_rad) == pytest.approx((start.x_m, start.y_m, start.yaw_rad), abs=1e-9)
    lane_map = sample_lanes(network)
    assert lane_map.successors[lane_map.index("2:0:-1")] == (lane_map.index("3:0:-4"),)
    taper = lane_map.index("3:1:-4")
    assert lane_map.successors[taper] == ()
    assert lane_map.widths_m(taper)[[0, -1]] == pytest.approx([3.5, 0.0], abs=1e-9)
    assert lane_map.may_change(lane_map.index("3:0:-4"), lane_map.index("3:0:-3"))


def test_maps_follow_the_schema_of_opendrive(data: Path) -> None:
    schema = etree.XMLSchema(etree.parse(data / "schema" / "OpenDRIVE_1.5.xsd"))
    for name in ("highway_straight", "highway_curve"):
        root = etree.fromstring((FOLDER / "maps" / f"{name}.xodr").read_bytes())
        root.find("header").set("revMinor", "5")  # the newest schema that libxml2 can read
        schema.assertValid(root)
