"""Catalogs and parameters: where names are looked up, what an assignment changes, what is refused."""

import pytest

from geometry.errors import InputError
from tests.sim.openscenario.conftest import VEHICLE, Files, event, speed_to

HEADER = (
    '<OpenSCENARIO><FileHeader revMajor="1" revMinor="2" date="2026-01-01T00:00:00" description="" author=""/>'
    '<Catalog name="{}">{}</Catalog></OpenSCENARIO>'
)
PLACE = {"catalogs": '<VehicleCatalog><Directory path="cars"/></VehicleCatalog>'}
NUMBER = '<ParameterDeclaration name="{}" parameterType="double" value="{}"/>'


def catalog(xosc: Files, name: str, *entries: str) -> None:
    (xosc.folder / "cars").mkdir(exist_ok=True)
    xosc.write(HEADER.format(name, "".join(entries)), f"cars/{name}.xosc")


def reference(entry: str, catalog_name: str = "cars", assignments: str = "") -> str:
    inside = f"<ParameterAssignments>{assignments}</ParameterAssignments>" if assignments else ""
    return f'<CatalogReference catalogName="{catalog_name}" entryName="{entry}">{inside}</CatalogReference>'


def third(inside: str) -> str:
    return f'<ScenarioObject name="Third">{inside}</ScenarioObject>'


def long_car(declared: str = "") -> str:
    declarations = f"<ParameterDeclarations>{declared}</ParameterDeclarations>"
    return (
        VEHICLE.format(name="long")
        .replace('length="5"', 'length="$l"')
        .replace("<BoundingBox>", declarations + "<BoundingBox>")
    )


def length_of_third(xosc: Files, inside: str, **parts: str) -> float:
    return xosc.engine(entities=third(inside), **PLACE, **parts).cast[2].length_m


def test_an_entry_has_its_own_parameters_with_their_defaults(xosc: Files) -> None:
    catalog(xosc, "cars", long_car(NUMBER.format("l", 7)))
    assert length_of_third(xosc, reference("long")) == 7.0


@pytest.mark.parametrize("name", ["l", "$l"])
def test_an_assignment_is_evaluated_where_it_stands(xosc: Files, name: str) -> None:
    catalog(xosc, "cars", long_car(NUMBER.format("l", 7)))
    assign = f'<ParameterAssignment parameterRef="{name}" value="${{$base + 1}}"/>'
    found = length_of_third(xosc, reference("long", assignments=assign), declarations=NUMBER.format("base", 8))
    assert found == 9.0


def test_an_entry_sees_the_parameters_of_the_scenario(xosc: Files) -> None:
    catalog(xosc, "cars", long_car())
    assert length_of_third(xosc, reference("long"), declarations=NUMBER.format("l", 6)) == 6.0


def test_unknown_catalogs_entries_and_parameters_are_named(xosc: Files) -> None:
    catalog(xosc, "cars", long_car(NUMBER.format("l", 7)))
    for inside, complaint in (
        (reference("long", "trucks"), "there is no catalog 'trucks'; the catalog folders hold cars"),
        (reference("short"), "catalog cars has no entry 'short'; it has long"),
        (
            reference("long", assignments='<ParameterAssignment parameterRef="w" value="1"/>'),
            "there is no parameter w; declared are: l",
        ),
    ):
        with pytest.raises(InputError, match=complaint) as caught:
            length_of_third(xosc, inside)
        assert caught.value.place is not None


def test_a_parameter_may_use_those_before_it_and_a_given_value_wins(xosc: Files) -> None:
    declared = NUMBER.format("v", 10) + NUMBER.format("w", "${$v + 2}")
    assert xosc.engine(declarations=declared, speed="$w").set_speed_mps == 12.0
    assert xosc.engine(declarations=declared, speed="$w", parameters={"v": "20"}).set_speed_mps == 22.0
    with pytest.raises(InputError, match="there is no parameter x; declared are: v, w"):
        xosc.engine(declarations=declared, parameters={"x": "1"})


def test_a_maneuver_of_a_catalog_is_played_with_its_values(xosc: Files) -> None:
    from tests.sim.openscenario.conftest import at_time

    inside = f"<ParameterDeclarations>{NUMBER.format('v', 3)}</ParameterDeclarations>"
    maneuver = f'<Maneuver name="slow">{inside}{event("e", at_time(1.0), speed_to("$v"))}</Maneuver>'
    catalog(xosc, "moves", maneuver)
    assign = '<ParameterAssignment parameterRef="v" value="4"/>'
    text = xosc.text(event("late", at_time(50.0), speed_to("1")), **PLACE).replace(
        "</Actors>", "</Actors>" + reference("slow", "moves", assign)
    )
    from sim.scenarios.openscenario.load import load_scenario
    from sim.scenarios.scripted import scripted_states

    engine = load_scenario(xosc.write(text), ego_driver="scripted")
    *_, (_, world) = scripted_states(engine, 50_000_000, 2_000_000_000)
    assert world.speed_mps[0, 1] == 4.0
    assert world.speed_mps[0, 0] == 20.0


def test_a_selection_stands_for_its_members(xosc: Files) -> None:
    from tests.sim.openscenario.conftest import at_time

    chosen = '<EntitySelection name="all"><Members><ByType objectType="vehicle"/></Members></EntitySelection>'
    engine = xosc.engine(event("e", at_time(1.0), speed_to("4")), actor="all", entities=chosen)
    from sim.scenarios.scripted import scripted_states

    *_, (_, world) = scripted_states(engine, 50_000_000, 2_000_000_000)
    assert list(world.speed_mps[0]) == [4.0, 4.0]
