"""Thousands of broken scenarios: each plays, or is refused by a typed error with a place; none crashes or hangs."""

import copy
import time
from pathlib import Path

import numpy as np
import pytest
from lxml import etree

from geometry.errors import InputError
from sim.scenarios.openscenario.load import load_scenario
from sim.scenarios.scripted import scripted_states
from tests.maps.test_mutated_maps import mutated, peak_mib
from tests.sim.openscenario.conftest import Files, after, at_time, event, lane_to, speed_to, when
from tests.sim.openscenario.test_actions import (
    HERE,
    distance,
    follow,
    lateral_distance,
    set_variable,
    synchronize,
    variable_is,
    vertex,
)  # fmt: skip

WORDS = (
    "NaN", "INF", "-INF", "-1", "0", "1e308", "1e-308", "99999999999", "", "$nobody", "${1/0}", "${", "true", "Ego",
    "Other", "x" * 300, "2.5", "-3", "step", "continuous", "../../../../../../etc/passwd",
)  # fmt: skip


def rich(xosc: Files) -> str:
    """A scenario that uses most of what there is."""
    nurbs = (
        f'<Nurbs order="3">{"".join(f"<ControlPoint>{HERE}</ControlPoint>" for _ in range(3))}'
        + "".join(f'<Knot value="{knot}"/>' for knot in (0, 0, 0, 1, 1, 1))
        + "</Nurbs>"
    )
    clothoid = f'<Clothoid curvature="0.001" curvaturePrime="0.0001" length="40">{HERE}</Clothoid>'
    line = "<Polyline>" + vertex(150, -8) + vertex(200, -8) + "</Polyline>"
    bounds = '<DynamicConstraints maxAcceleration="3" maxDeceleration="5" maxSpeed="60"/>'
    ttc = (
        '<TimeToCollisionCondition value="2" freespace="true" rule="lessThan"><TimeToCollisionConditionTarget>'
        '<EntityRef entityRef="Other"/></TimeToCollisionConditionTarget></TimeToCollisionCondition>'
    )
    headway = '<TimeHeadwayCondition entityRef="Other" value="4" rule="lessThan" freespace="true" alongRoute="true"/>'
    reach = (
        '<ReachPositionCondition tolerance="5"><Position><RelativeLanePosition entityRef="Ego" dLane="1" ds="9"/>'
        "</Position></ReachPositionCondition>"
    )
    rain = (
        '<GlobalAction><EnvironmentAction><Environment name="e"><TimeOfDay animation="true" '
        'dateTime="2026-01-31T12:00:00"/><Weather cloudState="free"><Fog visualRange="99"/></Weather>'
        '<RoadCondition frictionScaleFactor="1"/></Environment></EnvironmentAction></GlobalAction>'
    )
    profile = (
        '<PrivateAction><LongitudinalAction><SpeedProfileAction followingMode="follow">'
        '<DynamicConstraints maxAcceleration="4" maxAccelerationRate="3" maxDecelerationRate="3"/>'
        '<SpeedProfileEntry time="1" speed="12"/><SpeedProfileEntry time="2" speed="25"/></SpeedProfileAction>'
        "</LongitudinalAction></PrivateAction>"
    )
    text = xosc.text(
        event("a", at_time(0.2), lane_to(-3), profile),
        event("b", at_time(0.3, "rising", 0.1), distance('distance="20" continuous="true"', bounds)),
        event("c", after("event", "d") + variable_is("n", "3"), follow(nurbs), set_variable("n", "4"), rain),
        event("d", when("Ego", ttc) + when("Ego", headway), follow(clothoid), speed_to("${$v * 2}")),
        event("e", at_time(0.4), synchronize(300.0, 320.0, '<AbsoluteSpeed value="15"/>'), count=3),
        event(
            "f", when("Other", reach), follow(line), lateral_distance('distance="1" continuous="true"', 'maxSpeed="2"')
        ),
        declarations='<ParameterDeclaration name="v" parameterType="double" value="9"/>',
        stop=f"<ConditionGroup>{at_time(60.0)}</ConditionGroup>",
    )
    declared = (
        '<VariableDeclarations><VariableDeclaration name="n" variableType="int" value="3"/></VariableDeclarations>'
    )
    return text.replace("<CatalogLocations>", declared + "<CatalogLocations>")


def broken(text: str, rng: np.random.Generator) -> bytes:
    """One to three changes to elements and attributes, so that most files stay well-formed; sometimes to bytes."""
    if rng.random() < 0.15:
        return mutated(text.encode(), rng)
    root = etree.fromstring(text.encode())
    for _ in range(int(rng.integers(1, 4))):
        elements = list(root.iter(etree.Element))
        one, other = (elements[int(rng.integers(len(elements)))] for _ in range(2))
        CHANGES[int(rng.integers(len(CHANGES)))](one, other, rng)
    return etree.tostring(root)


def _value(one: etree._Element, _other: etree._Element, rng: np.random.Generator) -> None:
    if one.attrib:
        name = sorted(one.attrib)[int(rng.integers(len(one.attrib)))]
        one.set(name, WORDS[int(rng.integers(len(WORDS)))])


def _forget(one: etree._Element, _other: etree._Element, rng: np.random.Generator) -> None:
    if one.attrib:
        del one.attrib[sorted(one.attrib)[int(rng.integers(len(one.attrib)))]]


def _remove(one: etree._Element, _other: etree._Element, _rng: np.random.Generator) -> None:
    if one.getparent() is not None:
        one.getparent().remove(one)


def _copy(one: etree._Element, other: etree._Element, _rng: np.random.Generator) -> None:
    if len(list(one.iter())) < 60:
        other.append(copy.deepcopy(one))


def _swap(one: etree._Element, other: etree._Element, _rng: np.random.Generator) -> None:
    one.attrib.update(other.attrib)


def _rename(one: etree._Element, other: etree._Element, _rng: np.random.Generator) -> None:
    one.tag = other.tag


CHANGES = (_value, _value, _value, _value, _forget, _remove, _copy, _swap, _rename)


def outcome(path: Path) -> str:
    """`played` or `refused`; anything but a typed error with a place fails the test."""
    begin = time.process_time()
    try:
        for _, world in scripted_states(load_scenario(path, ego_driver="scripted"), 100_000_000, 1_500_000_000):
            assert np.isfinite(world.x_m[world.present]).all()
        return "played"
    except InputError as error:
        assert error.place is not None, str(error)
        return "refused"
    finally:
        assert time.process_time() - begin < 5.0


@pytest.mark.parametrize("count", [250, pytest.param(10_000, marks=pytest.mark.full)])
def test_broken_scenarios_play_or_are_refused(count: int, xosc: Files) -> None:
    rng = np.random.Generator(np.random.PCG64(count))
    text, outcomes = rich(xosc), []
    assert outcome(xosc.write(text)) == "played"
    path, before_mib = xosc.folder / "broken.xosc", peak_mib()
    for _ in range(count):
        path.write_bytes(broken(text, rng))
        outcomes.append(outcome(path))
    assert min(outcomes.count("played"), outcomes.count("refused")) > count / 10
    assert peak_mib() - before_mib < 512.0
