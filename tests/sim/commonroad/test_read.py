"""CommonRoad files become scenarios, or are refused with file and line."""

import numpy as np
import pytest

from geometry.errors import InputError, UnsupportedError
from maps.commonroad import commonroad_map
from maps.route import follow_lane
from sim.scenarios.commonroad.read import read_commonroad


def test_small_scenario_is_read_as_written(files):
    scenario = read_commonroad(files.write(files.standard))
    assert (scenario.benchmark_id, scenario.version, scenario.dt_s) == ("ZAM_Test-1_1_T-1", "2020a", 0.1)
    assert [lanelet.id for lanelet in scenario.lanelets] == [1, 2, 3]
    (car,) = scenario.obstacles
    assert (car.id, car.kind, car.length_m, car.width_m) == (7, "car", 4.0, 2.0)
    assert car.x_m.tolist() == [20.0, 21.0, 22.0]
    (problem,) = scenario.problems
    assert problem.initial.x_m == 5.0
    assert problem.goal_speed_mps == 5.0
    assert problem.last_time_step == 30
    assert problem.goals[0].area.bounds == pytest.approx((25.0, -2.0, 35.0, 2.0))


def test_lanelets_become_lanes_with_links_limits_and_marks(files):
    lane_map = commonroad_map(read_commonroad(files.write(files.standard)).lanelets)
    one, two, three = (lane_map.index(name) for name in ("1", "2", "3"))
    assert lane_map.successors[one] == (three,)
    assert lane_map.left_neighbour[one] == two
    assert lane_map.length_m(one) == 100.0
    assert set(lane_map.speed_limit_mps) == {13.5}
    assert lane_map.left_marks[one][0].kind == "broken"
    assert lane_map.nearest(np.array([[10.0, 4.5]]))[0][0] == two
    assert follow_lane(lane_map, one, 20.0, 100.0).lanes == (one, three)


def test_2018b_obstacles_with_uncertain_states_are_read_by_their_middle(files):
    area = (
        "<rectangle><length>2</length><width>1</width><orientation>0</orientation>"
        "<center><x>8</x><y>3</y></center></rectangle>"
    )
    state = (
        f"<initialState><position>{area}</position><orientation><intervalStart>0</intervalStart>"
        "<intervalEnd>0.2</intervalEnd></orientation><time><exact>0</exact></time><velocity><intervalStart>4"
        "</intervalStart><intervalEnd>6</intervalEnd></velocity></initialState>"
    )
    obstacle = f'<obstacle id="9"><role>dynamic</role><type>car</type>{files.shape}{state}</obstacle>'
    attributes = 'benchmarkID="ZAM_Test-1_1_T-1" commonRoadVersion="2018b" timeStepSize="0.1" tags="urban merging"'
    body = files.lanelet(1, 0.0).replace('<trafficSignRef ref="90"/>', "<speedLimit>20</speedLimit>") + obstacle
    scenario = read_commonroad(files.write(body, attributes=attributes))
    (car,) = scenario.obstacles
    assert (car.x_m[0], car.y_m[0], car.yaw_rad[0], car.speed_mps[0]) == pytest.approx((8.0, 3.0, 0.1, 5.0))
    assert scenario.tags == ("urban", "merging")
    assert scenario.lanelets[0].speed_limit_mps == 20.0


def test_goal_on_a_lanelet_is_the_lanelets_area(files):
    area = files.goal[files.goal.index("<position>") : files.goal.index("<orientation><interval")]
    body = files.standard.replace(area, '<position><lanelet ref="3"/></position>')
    (problem,) = read_commonroad(files.write(body)).problems
    assert problem.goals[0].area.bounds == (100.0, -2.0, 150.0, 2.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('<successor ref="3"/>', '<successor ref="4"/>'), "refers to 4"),
        (("<x>50</x>", "<x>fifty</x>"), "finite number"),
        (("<x>50</x>", "<x>nan</x>"), "finite number"),
        (("<exact>1</exact>", "<exact>0</exact>"), "do not ascend"),
        (("<intervalEnd>30</intervalEnd>", "<intervalEnd>3</intervalEnd>"), "before its start"),
        (('<lanelet id="2">', '<lanelet id="1">'), "same id"),
        (("<width>4</width>", "<width>-4</width>"), "positive"),
        (("<type>car</type>", ""), "<type>"),
        (('<position><point><x>5.0</x><y>0.0</y></point></position>', "<position/>"), "no place"),
    ],
)  # fmt: skip
def test_wrong_files_are_refused_with_file_and_line(files, change, message):
    body = files.standard.replace(*change, 1)
    assert body != files.standard
    with pytest.raises(InputError, match=message) as caught:
        read_commonroad(files.write(body))
    assert caught.value.place is not None
    assert caught.value.place.line


def test_bounds_of_different_lengths_are_refused(files):
    body = files.standard.replace(files.points((50, 2.0)), "", 1)
    with pytest.raises(InputError, match="2 and 3 points"):
        read_commonroad(files.write(body))


def test_another_version_is_unsupported(files):
    attributes = 'benchmarkID="a" commonRoadVersion="2017a" timeStepSize="0.1"'
    with pytest.raises(UnsupportedError, match="2018b and 2020a"):
        read_commonroad(files.write(files.standard, attributes=attributes))


def test_document_type_declarations_are_refused(files, tmp_path):
    path = tmp_path / "bomb.xml"
    text = files.document(files.standard)
    path.write_text(text.replace("<commonRoad", '<!DOCTYPE a [<!ENTITY b "c">]><commonRoad', 1))
    with pytest.raises(InputError, match="DTD"):
        read_commonroad(path)


def test_all_published_scenarios_are_read_and_can_be_driven_on(data):
    paths = sorted((data / "commonroad").glob("*.xml"))
    assert len(paths) == 23
    for path in paths:
        scenario = read_commonroad(path)
        lane_map = commonroad_map(scenario.lanelets)
        assert scenario.problems
        for problem in scenario.problems:
            start = np.array([[problem.initial.x_m, problem.initial.y_m]])
            _, _, offset = lane_map.nearest(start, np.array([problem.initial.yaw_rad]))
            assert abs(offset[0]) < 3.0, path.name
