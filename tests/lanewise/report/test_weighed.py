"""What the planner weighed, from its recording to the table of the page."""

import base64
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from bus.messages import Candidates, Envelope, PoseEstimate, PoseStatus
from bus.recording import Recorder, Recording
from geometry.pose import Pose
from lanewise.config import RunConfig, StackChoice
from lanewise.recorded import recorded_report
from lanewise.report.page import write_report
from lanewise.report.page_data import COST_STEP, NO_COST, PATH_STEP_M, page_data
from lanewise.report.scene import ReportData
from lanewise.report.weighed import MOST_INSTANTS, PATH_POINTS, Weighed, weighed_of
from lanewise.run import Outputs, run

TERMS = ("contact", "progress", "comfort")
ORIGIN = Pose(0.0, 0.0, 0.0)


def said(costs: Sequence[Sequence[float]], chosen: int = 0, points: int = 7) -> Candidates:
    """Candidates along x, each a metre further to the left and a metre a point faster than the one before."""
    count = len(costs)
    along = np.arange(points) * (1.0 + np.arange(count)[:, None])
    xy = np.stack((along, np.broadcast_to(np.arange(count)[:, None], along.shape)), axis=-1)
    return Candidates(
        labels=tuple(f"way {i}" for i in range(count)), terms=TERMS, chosen=chosen, start=points * np.arange(count + 1),
        xy_m=xy.reshape(-1, 2), costs=np.asarray(costs, dtype=np.float64).reshape(-1),
    )  # fmt: skip


def pose(world_from_odom: Pose) -> PoseEstimate:
    return PoseEstimate(world_from_odom, PoseStatus.LANE_CERTAIN, 0.1, 0.1, 0.01, np.zeros((3, 3)))


def recording(folder: Path, told: Sequence[Candidates], world_from_odom: Pose = ORIGIN) -> Recording:
    path = folder / "drive.mcap"
    with Recorder.create(path, {}) as recorder:
        recorder.write(Envelope("/localization/pose", "localization", 0, 0, 0, 0), pose(world_from_odom))
        for k, message in enumerate(told):
            ns = 500_000_000 * k
            recorder.write(Envelope("/planning/candidates", "planner", k, ns, ns, ns), message)
    return Recording.open(path)


def unpacked(page: dict[str, object], index: int) -> Weighed:
    """An instant as the page's script reads it."""
    weighed: dict[str, list] = page["weighed"]  # type: ignore[assignment,type-arg]
    instant = weighed["instants"][index]
    data, count, terms = zlib.decompress(base64.b64decode(instant["packed"])), instant["count"], instant["terms"]
    cells = count * len(terms)
    costs = np.frombuffer(data, "<i4", cells).reshape(len(terms), count).T * COST_STEP
    names = np.frombuffer(data, "<u4", count, 4 * cells)
    places = np.frombuffer(data, "<i2", -1, 4 * (cells + count)).reshape(PATH_POINTS, 2, count)
    paths = np.array(instant["from"]) + PATH_STEP_M * np.moveaxis(places, -1, 0)
    labels = tuple(weighed["names"][k] for k in names)
    return Weighed(instant["t"], labels, tuple(terms), instant["chosen"], paths, costs)


def test_all_candidates_come_with_all_their_terms(tmp_path: Path) -> None:
    costs = np.random.default_rng(1).uniform(0.0, 300.0, (400, 3))
    (found,) = weighed_of(recording(tmp_path, [said(costs.tolist(), chosen=17)]))
    assert (found.labels[399], found.terms, found.chosen) == ("way 399", TERMS, 17)
    assert (found.costs == costs).all()


def test_paths_are_where_localization_saw_them(tmp_path: Path) -> None:
    world_from_odom = Pose(100.0, 50.0, np.pi / 2)
    (found,) = weighed_of(recording(tmp_path, [said([[0.0, 1.0, 0.0]] * 3)], world_from_odom))
    assert found.paths.shape == (3, PATH_POINTS, 2)
    assert found.paths[2, 0] == pytest.approx([98.0, 50.0])  # from two metres to the left
    assert found.paths[2, -1] == pytest.approx([98.0, 68.0])  # six steps of three metres on


def test_a_long_drive_is_thinned_evenly(tmp_path: Path) -> None:
    found = weighed_of(recording(tmp_path, [said([[0.0, 1.0, 0.0]])] * (2 * MOST_INSTANTS + 1)))
    assert len(found) <= MOST_INSTANTS
    assert np.ptp(np.diff([instant.t_s for instant in found])) == pytest.approx(0.0, abs=1e-9)
    assert found[-1].t_s > 0.99 * MOST_INSTANTS


@pytest.mark.parametrize(
    "fault", [{"costs": np.ones(5)}, {"start": np.array([0, 7, 9])}, {"chosen": 2}, {"xy_m": np.full((14, 2), np.nan)}]
)
def test_what_does_not_belong_together_is_left_out(tmp_path: Path, fault: dict[str, object]) -> None:
    whole = said([[0.0, 1.0, 0.0]] * 2)
    found = weighed_of(recording(tmp_path, [replace(whole, **fault), whole]))  # type: ignore[arg-type]
    assert [instant.t_s for instant in found] == [0.5]


def test_the_page_holds_what_was_weighed(report_data: ReportData, tmp_path: Path) -> None:
    costs = [[0.0, 1.25, 0.5], [300.0, 0.0, 0.001], [float("nan"), float("inf"), 7.0]]
    here = Pose(float(report_data.rollout.ego.x_m[0]), float(report_data.rollout.ego.y_m[0]), 0.3)
    weighed = weighed_of(recording(tmp_path, [said(costs, chosen=1)], here))
    page = page_data(replace(report_data, weighed=weighed))
    again, origin = unpacked(page, 0), np.floor([here.x_m, here.y_m])
    assert (again.labels, again.chosen) == (weighed[0].labels, 1)
    assert again.costs[:2] == pytest.approx(np.array(costs[:2]), abs=0.5 * COST_STEP)
    assert (again.costs[2, :2] == NO_COST * COST_STEP).all()
    assert again.paths + origin == pytest.approx(weighed[0].paths, abs=PATH_STEP_M)


def test_a_planner_that_does_not_say_has_no_table(page: Page, report_data: ReportData, tmp_path: Path) -> None:
    write_report(report_data, tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri())
    assert not report_data.weighed
    assert page.query_selector("#weighed") is None


def test_the_table_shows_the_chosen_first_and_all_on_request(
    page: Page, report_data: ReportData, tmp_path: Path
) -> None:
    costs = [[0.0, 0.1 * i, 0.2] for i in range(30)]
    weighed = weighed_of(recording(tmp_path, [said(costs), said(costs[::-1], chosen=28)]))
    write_report(replace(report_data, weighed=weighed), tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri() + "#t=0.2")
    rows = "#weighed tbody tr"
    page.wait_for_selector(rows)
    assert page.inner_text(f"{rows} >> nth=0").split("\t") == ["way 0", "0.20", "·", "·", "0.20"]
    assert page.locator(rows).count() == 10
    page.click("#weighed-all")
    page.wait_for_timeout(200)
    assert page.locator(rows).count() == 30
    page.evaluate("const s = document.getElementById('scrub'); s.value = 0.7; s.dispatchEvent(new Event('input'))")
    page.wait_for_timeout(200)
    first, second = (page.inner_text(f"{rows} >> nth={k}").split("\t") for k in (0, 1))
    assert first == ["way 28", "0.30", "·", "0.10", "0.20"]
    assert second[:2] == ["way 29", "0.20"]
    assert "30 candidates at 0.5 s" in page.inner_text("#weighed-count")


def test_candidates_are_drawn_until_they_are_switched_off(page: Page, report_data: ReportData, tmp_path: Path) -> None:
    here = Pose(float(report_data.rollout.ego.x_m[0]), float(report_data.rollout.ego.y_m[0]), 0.0)
    weighed = weighed_of(recording(tmp_path, [said([[0.0, 0.1 * i, 0.2] for i in range(5)])], here))
    write_report(replace(report_data, weighed=weighed), tmp_path / "report.html")
    page.goto((tmp_path / "report.html").as_uri() + "#t=0.2")
    page.wait_for_selector("#weighed tbody tr")
    pictures = []
    for _ in range(3):
        page.wait_for_timeout(200)
        pictures.append(page.evaluate("document.getElementById('birdseye').toDataURL()"))
        page.keyboard.press("c")
    assert pictures[0] != pictures[1]
    assert pictures[0] == pictures[2]


def test_a_drive_of_lanewise_shows_what_each_plan_was_chosen_from(tmp_path: Path) -> None:
    base = RunConfig(scenario="stopped-lead", stack=StackChoice(planner="lanewise"))
    short = replace(base, simulation=replace(base.simulation, timeout_s=4.0))
    folder = run(short, tmp_path / "drive", Outputs(report=False), lambda _: None).folder
    weighed = recorded_report(folder / "drive.mcap").weighed
    assert len(weighed) >= 5
    for instant in weighed:
        total = instant.costs.sum(axis=1)
        assert len(total) > 400
        assert total[instant.chosen] == pytest.approx(total.min(), abs=1e-9)
