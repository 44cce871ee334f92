"""The page of what is supported is current, and the standard's own schema has nothing that it forgets."""

import re
from pathlib import Path

import pytest

from sim.scenarios.openscenario.coverage import REFUSED, SUPPORTED, coverage_page
from tests.conftest import REPOSITORY

GROUPS = (
    "PrivateAction", "GlobalAction", "RoutingAction", "LongitudinalAction", "LateralAction", "AppearanceAction",
    "TrailerAction", "TrafficSignalAction", "TrafficAction", "EntityCondition", "ByValueCondition", "Position", "Shape",
    "EntityObject", "DeterministicSingleParameterDistributionType", "StochasticDistributionType", "CatalogLocations",
)  # fmt: skip
HOLDERS = frozenset({"LongitudinalAction", "LateralAction", "RoutingAction"})


def test_the_page_is_current() -> None:
    """Else run: python -m sim.scenarios.openscenario.coverage > docs/openscenario.md."""
    assert (REPOSITORY / "docs" / "openscenario.md").read_text() == coverage_page()


@pytest.mark.parametrize("version", ["1.0", "1.1.1", "1.2", "1.3"])
def test_each_choice_of_the_standard_is_supported_or_refused_by_name(data: Path, version: str) -> None:
    schema = (data / "schema" / f"OpenSCENARIOv{version}.xsd").read_text()
    known = {name for names in SUPPORTED.values() for name in names} | set(REFUSED) | HOLDERS
    missing = set()
    for group in GROUPS:
        found = re.search(rf'<xsd:(complexType|group) name="{group}">(.*?)</xsd:\1>', schema, re.DOTALL)
        if found is not None:
            missing |= set(re.findall(r'element name="(\w+)"', found.group(2))) - known
    assert not missing


def test_nothing_is_both_supported_and_refused() -> None:
    assert not {name for names in SUPPORTED.values() for name in names} & set(REFUSED)
