"""Scenarios play as the reference engine plays them (the benchmark `openscenario_parity` prints the whole table)."""

import json
from pathlib import Path

import pytest

from benchmarks.openscenario_parity import CONTROLLED, compare, read_sensitivity

KNOWN = {
    "NCAP2023__NCAP_AEB_VRU_CBFA_2023": "the reference was run with an option that ignores the orientation on a route",
    "NCAP2023__NCAP_AEB_VRU_CBNA_2023": "0.53 m: the reference jumps onto a straight line of speeds at t = 0",
}
QUICK = ("ALKS__alks_scenario_4_4_1", "NCAP_AEB_C2C_CCFtap", "esmini__synchronize", "esmini__trajectory-test")


def excess(reference: Path, item: dict[str, str]) -> float:
    """The largest position error over its tolerance."""
    name = item["name"]
    sensitivity = read_sensitivity(reference / "dt_sensitivity.csv").get(name, 0.0)
    return compare(reference.parent / item["file"], None, reference / f"{name}.csv.gz", sensitivity).excess


def items(reference: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads((reference / "manifest.json").read_text())
    return [item for item in found if item["name"] not in CONTROLLED]


@pytest.mark.parametrize("part", QUICK)
def test_a_scenario_stays_within_tolerance(data: Path, part: str) -> None:
    reference = data / "openscenario" / "esmini_reference"
    [item] = [item for item in items(reference) if part in item["name"]]
    assert excess(reference, item) <= 1.0


@pytest.mark.full
def test_all_others_do_too(data: Path) -> None:
    reference = data / "openscenario" / "esmini_reference"
    beyond = {item["name"] for item in items(reference) if excess(reference, item) > 1.0}
    assert beyond == set(KNOWN)
