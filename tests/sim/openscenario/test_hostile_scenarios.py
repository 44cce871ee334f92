"""Hostile and broken scenario files: refused in one sentence with file and place, quickly and in little memory."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from geometry.errors import InputError, UnsupportedError
from sim.scenarios.openscenario.distribution import read_variations
from sim.scenarios.openscenario.load import load_scenario
from sim.scenarios.scenario import MissingLaneError
from tests.sim.openscenario.conftest import Files, at_time, event, lane_to, speed_to

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {c} "{("&" + p + ";") * 10}">' for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><OpenSCENARIO>&i;</OpenSCENARIO>"
)
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE x SYSTEM "file:///etc/passwd"><OpenSCENARIO/>'


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new, 1)


def catalog_entry(path: str) -> dict[str, str]:
    reference = '<ScenarioObject name="Third"><CatalogReference catalogName="V" entryName="car"/></ScenarioObject>'
    return {"catalogs": f'<VehicleCatalog><Directory path="{path}"/></VehicleCatalog>', "entities": reference}


def parameter(name: str, kind: str, value: str, inside: str = "") -> str:
    return f'<ParameterDeclaration name="{name}" parameterType="{kind}" value="{value}">{inside}</ParameterDeclaration>'


BELOW_60 = '<ConstraintGroup><ValueConstraint rule="lessThan" value="60"/></ConstraintGroup>'

CASES: dict[str, tuple[Callable[[Files], str], str]] = {
    "a DTD with entities": (lambda _: BOMB, "DTD|DOCTYPE|entity"),
    "an external DTD": (lambda _: OUTSIDE, "DTD|DOCTYPE"),
    "100,000-deep nesting": (lambda _: "<a>" * 100_000 + "</a>" * 100_000, "deep|depth"),
    "no XML": (lambda _: "not xml at all", "not well-formed"),
    "a cut-off file": (lambda x: x.text()[:900], "not well-formed"),
    "another root element": (lambda _: "<OpenDRIVE/>", "OpenSCENARIO"),
    "a missing map": (lambda x: x.text(logic="nowhere.xodr"), "nowhere.xodr.*does not exist"),
    "an absolute map path": (lambda x: x.text(logic="/etc/passwd"), "absolute"),
    "a map path out of the root": (lambda x: x.text(logic="../" * 12 + "etc/passwd"), "leads out of"),
    "a catalog path out of the root": (lambda x: x.text(**catalog_entry("../" * 12 + "etc")), "leads out of"),
    "an unknown catalog": (lambda x: x.text(**catalog_entry(".")), "there is no catalog"),
    "a word for a number": (lambda x: x.text(speed="fast"), '"fast"; a finite number was expected'),
    "NaN for a speed": (lambda x: x.text(speed="NaN"), "a finite number was expected"),
    "infinity for a position": (lambda x: replaced(x.text(), 's="100"', 's="INF"'), "number was expected"),
    "an unknown parameter": (lambda x: x.text(speed="$v"), r"parameter \$v is not declared"),
    "parameters that refer to each other": (
        lambda x: x.text(declarations=parameter("a", "double", "$b") + parameter("b", "double", "$a"), speed="$a"),
        "not declared here or above",
    ),
    "division by zero": (lambda x: x.text(speed="${1 / 0}"), "has no value"),
    "an expression that calls Python": (lambda x: x.text(speed="${__import__('os')}"), "malformed|no function"),
    "an endless power": (lambda x: x.text(speed="${pow(10, pow(10, 10))}"), "has no value"),
    "a constraint that is broken": (
        lambda x: x.text(declarations=parameter("v", "double", "200", BELOW_60), speed="$v"),
        "breaks its constraint",
    ),
    "a wrong parameter type": (lambda x: x.text(declarations=parameter("v", "integer", "1.5")), "an integer from"),
    "two entities of one name": (
        lambda x: replaced(x.text(), '<ScenarioObject name="Other">', '<ScenarioObject name="Ego">'),
        "two entities are named Ego",
    ),
    "an unknown entity": (lambda x: x.text(event("e", at_time(1.0), speed_to("5")), actor="Ghost"), "Ghost"),
    "a road that is not there": (lambda x: replaced(x.text(), 'roadId="1"', 'roadId="99"'), "99"),
    "a place beyond the road": (lambda x: replaced(x.text(), 's="100"', 's="99999"'), "lies outside of road 1"),
    "an unknown action": (
        lambda x: x.text(event("e", at_time(1.0), "<PrivateAction><FlyAction/></PrivateAction>")),
        "<FlyAction> inside <PrivateAction> is not supported",
    ),
    "an unknown condition": (
        lambda x: x.text(event("e", '<Condition name="c" delay="0" conditionEdge="none"><ByMoonCondition/></Condition>',
                               speed_to("5"))),
        "<ByMoonCondition> inside <Condition> is not supported",
    ),
    "an unknown shape": (
        lambda x: x.text(event("e", at_time(1.0), speed_to("5", "wavy"))),
        '"wavy"; one of linear, cubic, sinusoidal, step was expected',
    ),
    "a lane beyond all lanes": (
        lambda x: replaced(x.text(), 'dLane="0"', 'dLane="99999999999"'), "has no lane 99999999998 at s",
    ),
    "a negative delay": (lambda x: x.text(event("e", at_time(1.0, delay=-1.0), speed_to("5"))), "at least 0"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_bad_file_is_refused_with_its_place(name: str, xosc: Files) -> None:
    make, complaint = CASES[name]
    path = xosc.write(make(xosc))
    begin = time.process_time()
    with pytest.raises(InputError, match=complaint) as caught:
        load_scenario(path)
    assert time.process_time() - begin < 5.0
    assert caught.value.place is not None
    assert Path(caught.value.place.file).name in ("test.xosc", "road.xodr")
    assert "\n" not in str(caught.value)


def test_a_link_out_of_the_root_is_refused(xosc: Files, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret.xodr"
    outside.write_bytes((xosc.folder / "road.xodr").read_bytes())
    (xosc.folder / "link.xodr").symlink_to(outside)
    with pytest.raises(InputError, match="leads out of"):
        load_scenario(xosc.write(xosc.text(logic="link.xodr")))


def test_a_lane_that_the_road_lacks_is_a_case_that_cannot_run(xosc: Files) -> None:
    with pytest.raises(MissingLaneError, match="has no lane -9"):
        load_scenario(xosc.write(xosc.text().replace('laneId="-2"', 'laneId="-9"')))
    engine = xosc.engine(event("e", at_time(1.0), lane_to(-9)))
    from sim.scenarios.scripted import scripted_states

    with pytest.raises(MissingLaneError, match="has no lane -9 to change to"):
        list(scripted_states(engine, 20_000_000, 5_000_000_000))


def test_what_is_not_supported_is_told_apart_from_what_is_wrong(xosc: Files) -> None:
    with pytest.raises(UnsupportedError):
        load_scenario(xosc.write(xosc.text(event("e", at_time(1.0), "<PrivateAction><FlyAction/></PrivateAction>"))))


def test_a_variation_is_no_scenario_and_a_scenario_no_variation(xosc: Files) -> None:
    variation = xosc.write(
        '<OpenSCENARIO><FileHeader revMajor="1" revMinor="2" date="2026-01-01T00:00:00" description="" author=""/>'
        '<ParameterValueDistribution><ScenarioFile filepath="test.xosc"/><Deterministic/></ParameterValueDistribution>'
        "</OpenSCENARIO>",
        "variation.xosc",
    )
    with pytest.raises(InputError, match="this is a parameter variation"):
        load_scenario(variation)
    with pytest.raises(InputError, match="ParameterValueDistribution"):
        read_variations(xosc.write(xosc.text()))


def test_bombs_take_little_memory(xosc: Files) -> None:
    bomb, deep = xosc.write(BOMB, "bomb.xosc"), xosc.write("<a>" * 100_000, "deep.xosc")
    code = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from geometry.errors import InputError\n"
        "from sim.scenarios.openscenario.load import load_scenario\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n        load_scenario(Path(name))\n        sys.exit(3)\n"
        "    except InputError:\n        pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-c", code, str(bomb), str(deep)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60,
                          cwd=Path(__file__).resolve().parents[3])  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 100 * 1024
