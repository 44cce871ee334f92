"""The page in a real browser: it plays, seeks, obeys keys, explains the verdict, and lets no name break out."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from lanewise.report.page import report_html, write_report
from lanewise.report.page_data import page_data
from lanewise.report.scene import DriveEvent, ReportData
from planning.metrics.result import Verdict

HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"


def shown(page: Page, data: ReportData, folder: Path) -> Page:
    path = folder / "report.html"
    write_report(data, path)
    page.goto(path.as_uri())
    page.wait_for_timeout(150)
    return page


def clock(page: Page) -> float:
    page.wait_for_timeout(60)
    return float(page.inner_text("#clock").split()[0])


def picture(page: Page) -> str:
    return str(page.evaluate("document.getElementById('birdseye').toDataURL()"))


def test_play_advances_and_pause_holds(page: Page, report_data: ReportData, tmp_path: Path) -> None:
    shown(page, report_data, tmp_path)
    before = picture(page)
    page.click("#play")
    page.wait_for_timeout(600)
    page.click("#play")
    held = clock(page)
    assert 0.2 < held < 5.0
    assert clock(page) == held
    assert picture(page) != before


def test_the_figures_follow_the_cursor(page: Page, report_data: ReportData, tmp_path: Path) -> None:
    shown(page, report_data, tmp_path)
    rollout = report_data.rollout
    for t_s in (2.0, 9.0, float(rollout.t_s[-1])):
        page.evaluate(
            f"const s = document.getElementById('scrub'); s.value = {t_s}; s.dispatchEvent(new Event('input'))"
        )
        assert clock(page) == pytest.approx(t_s, abs=0.011)
        speed_kmh = 3.6 * float(np.interp(t_s, rollout.t_s, rollout.ego.speed_mps))
        assert float(page.inner_text("#hud-speed")) == pytest.approx(speed_kmh, abs=0.6)


def test_keys_seek_zoom_and_switch(page: Page, report_data: ReportData, tmp_path: Path) -> None:
    shown(page, report_data, tmp_path)
    for key, expected in (("ArrowRight", 0.1), ("Shift+ArrowRight", 1.1), ("ArrowLeft", 1.0), ("Home", 0.0)):
        page.keyboard.press(key)
        assert clock(page) == pytest.approx(expected, abs=0.011)
    page.keyboard.press("End")
    assert clock(page) == pytest.approx(report_data.end_s, abs=0.011)
    before = page.inner_text("#scale-text")
    for _ in range(8):
        page.keyboard.press("-")
    page.wait_for_timeout(60)
    assert page.inner_text("#scale-text") != before
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    light = page.evaluate("document.documentElement.dataset.theme")
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") != light


def test_a_plot_seeks_where_it_is_clicked(page: Page, report_data: ReportData, tmp_path: Path) -> None:
    shown(page, report_data, tmp_path)
    box = page.locator("#plot-speed").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 34 + 0.5 * (box["width"] - 40), box["y"] + 30)
    assert clock(page) == pytest.approx(0.5 * report_data.end_s, rel=0.02)


def test_a_failed_drive_opens_at_its_cause_and_the_cause_leads_there(
    page: Page, report_data: ReportData, tmp_path: Path
) -> None:
    verdict = Verdict(False, "contact with Lead at 12 m/s", 7.5, report_data.verdict.results)
    shown(page, replace(report_data, verdict=verdict), tmp_path)
    assert clock(page) == pytest.approx(7.5, abs=0.011)
    page.keyboard.press("Home")
    assert clock(page) == 0.0
    page.click("text=contact with Lead at 12 m/s")
    assert clock(page) == pytest.approx(7.5, abs=0.011)
    assert page.inner_text(".stamp") == "FAIL"


def test_hostile_names_stay_text(page: Page, report_data: ReportData, tmp_path: Path) -> None:
    cast = tuple(replace(shape, name=HOSTILE) for shape in report_data.rollout.cast)
    hostile = replace(
        report_data,
        title=HOSTILE,
        rollout=replace(report_data.rollout, cast=cast),
        events=(DriveEvent(1.0, HOSTILE),),
        provenance=replace(report_data.provenance, command=HOSTILE, scenario=HOSTILE),
    )
    shown(page, hostile, tmp_path)
    page.click("#play")
    page.wait_for_timeout(200)
    assert page.title().startswith("</script>")
    assert page.inner_text("h1") == HOSTILE


def test_the_page_fits_a_narrow_screen(page: Page, report_data: ReportData, tmp_path: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    shown(page, report_data, tmp_path)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_what_is_embedded_is_what_was_driven(report_data: ReportData) -> None:
    data = page_data(report_data)
    rollout = report_data.rollout
    origin = np.floor([rollout.ego.x_m[0], rollout.ego.y_m[0]])
    again = np.interp(rollout.t_s, data["t"], data["ego"]["x"]) + origin[0]
    assert np.abs(again - rollout.ego.x_m).max() < 0.02
    json.dumps(data, allow_nan=False)


def test_the_page_names_no_other_place(report_data: ReportData) -> None:
    html = report_html(report_data)
    assert "http" not in html.replace("http-equiv", "")
    assert "default-src 'none'" in html
