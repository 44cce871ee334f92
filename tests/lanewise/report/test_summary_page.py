"""The summary of an evaluation in a real browser: it sorts, finds, colours, and leads to the moment of a loss."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from lanewise.config import configured
from lanewise.evaluation.batch import evaluate, jobs_of
from lanewise.evaluation.comparison import paired_differences, planner_scores
from lanewise.evaluation.suite import load_suite
from lanewise.evaluation.summary import write_summary

SUITE = """name = "two"
[[scenario]]
file = "stopped-lead"
[scenario.parameters]
EgoSpeed_kmh = [60, 120]
Braking_mps2 = 7
"""


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """A page of two planners in two cases, one of which `pdm-closed` loses: it brakes with 3 m/s^2 at most."""
    folder = tmp_path_factory.mktemp("evaluation")
    (folder / "two.toml").write_text(SUITE)
    base = configured({"simulation": {"timeout_s": 12.0}})
    jobs = jobs_of(load_suite(str(folder / "two.toml")), base, ("idm", "pdm-closed"), (0,), folder)
    rows = list(evaluate(jobs, 1, lambda _: None))
    page = folder / "index.html"
    write_summary(rows, "two", planner_scores(rows), paired_differences(rows), page)
    return page, rows


def column(page: Page, name: str) -> list[str]:
    heads = page.locator("#all thead th").all_inner_texts()
    index = next(i for i, head in enumerate(heads) if head.strip().startswith(name)) + 1
    return [text.strip() for text in page.locator(f"#all tbody tr td:nth-child({index})").all_inner_texts()]


def test_a_click_on_a_heading_sorts_up_and_down(page: Page, evaluated: tuple[Path, list[dict[str, Any]]]) -> None:
    page.goto(evaluated[0].as_uri())
    page.click("#all th button:has-text('nuPlan')")
    up = [float(text) for text in column(page, "nuPlan")]
    page.click("#all th button:has-text('nuPlan')")
    down = [float(text) for text in column(page, "nuPlan")]
    assert up == sorted(up)
    assert down == sorted(up, reverse=True)
    assert len(set(up)) > 1


def test_the_search_leaves_the_rows_that_hold_the_word(
    page: Page, evaluated: tuple[Path, list[dict[str, Any]]]
) -> None:
    page.goto(evaluated[0].as_uri())
    page.fill("#find", "pdm-closed")
    assert page.locator("#all tbody tr:visible").count() == 2


def test_better_parts_of_the_score_are_greener(page: Page, evaluated: tuple[Path, list[dict[str, Any]]]) -> None:
    page.goto(evaluated[0].as_uri())
    cells = page.locator("#heat .heat").all()
    colours = {}
    for cell in cells:
        colours[float(cell.inner_text())] = cell.evaluate("e => getComputedStyle(e).backgroundColor")
    assert min(colours) < 60.0 < max(colours)
    assert colours[min(colours)] != colours[max(colours)]


def test_a_cause_leads_to_the_scene_at_the_moment_of_the_loss(
    page: Page, evaluated: tuple[Path, list[dict[str, Any]]]
) -> None:
    path, rows = evaluated
    lost = next(row for row in rows if row["outcome"] == "fail")
    page.goto(path.as_uri())
    page.click(f"#all tbody tr:has-text('{lost['planner']}') td.cause a")
    page.wait_for_selector("#clock")
    page.wait_for_timeout(200)
    assert float(page.inner_text("#clock").split()[0]) == pytest.approx(lost["t_s"], abs=0.02)


def test_a_part_of_the_score_leads_to_its_worst_drive(page: Page, evaluated: tuple[Path, list[dict[str, Any]]]) -> None:
    path, rows = evaluated
    lost = next(row for row in rows if row["outcome"] == "fail")
    page.goto(path.as_uri())
    page.click("#heat tbody tr:has-text('pdm-closed') td:nth-child(5) a")  # no collision by its fault
    page.wait_for_selector("#clock")
    page.wait_for_timeout(200)
    assert lost["key"] in page.url
    assert float(page.inner_text("#clock").split()[0]) == pytest.approx(lost["nuplan_t_s"], abs=0.02)


def test_the_heat_map_sorts_too(page: Page, evaluated: tuple[Path, list[dict[str, Any]]]) -> None:
    page.goto(evaluated[0].as_uri())
    page.click("#heat th button:has-text('score')")
    texts = page.locator("#heat tbody tr td:nth-child(4)").all_inner_texts()
    values = [float(text) for text in texts]
    assert values == sorted(values)
    assert len(set(values)) > 1


def test_a_red_square_leads_to_its_own_moment(page: Page, evaluated: tuple[Path, list[dict[str, Any]]]) -> None:
    path, rows = evaluated
    lost = next(row for row in rows if row["collision_passed"] is False)
    page.goto(path.as_uri())
    page.click(f"#all tbody tr:has-text('{lost['planner']}') .dots a:has(i[title^='collision'])")
    page.wait_for_selector("#clock")
    page.wait_for_timeout(200)
    assert float(page.inner_text("#clock").split()[0]) == pytest.approx(lost["collision_t_s"], abs=0.02)
