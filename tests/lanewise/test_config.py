"""Configuration: what is written comes back; what is wrong is named with what would be right."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geometry.errors import InputError
from lanewise.config import RunConfig, configured, read_toml, with_settings

FINITE = st.floats(allow_nan=False, allow_infinity=False, width=64)


@given(horizon=FINITE, headway=FINITE, seed=st.integers(0, 2**40), name=st.text(min_size=1, max_size=20))
def test_a_configuration_survives_its_file(horizon: float, headway: float, seed: int, name: str) -> None:
    config = RunConfig(scenario="cut-in", seed=seed, parameters={name: "1"})
    following = replace(config.planning.following, headway_s=headway)
    config = replace(config, planning=replace(config.planning, horizon_s=horizon, following=following))
    assert read_toml(config.to_toml(), "here") == config


def test_lists_of_pairs_become_tuples_too() -> None:
    outages = [[8.0, 28.0], [60.0, 61.5]]
    assert configured({"sensors": {"gnss": {"outages_s": outages}}}).sensors.gnss.outages_s == (
        (8.0, 28.0),
        (60.0, 61.5),
    )


def test_lists_become_the_tuples_of_settings() -> None:
    config = configured({"stack": {"planner": "pdm-closed"}})
    assert read_toml(config.to_toml(), "here") == config
    assert any(isinstance(getattr(config.planning, name), tuple) for name in config.planning.__dataclass_fields__)


def test_an_unknown_key_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"drive\.toml: unknown key planning\.horizont_s; known are horizon_s, look"):
        read_toml("[planning]\nhorizont_s = 6.0\n", Path("drive.toml"))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("seed = 'a'", "seed = 'a': input should be a valid integer"),
        ("planning = 3", "planning is a section with horizon_s"),
        (
            "[planning.following]\nheadway_s = true",
            "headway_s = True: input should be a valid number",
        ),
        ("seed = ", "not valid TOML"),
        ("[simulation]\nstep_s = 0.5", "step_s = 0.5 must lie in"),
        ("[stack]\nplanner = 'none'", "there is no planner 'none'; known are idm"),
    ],
)
def test_a_wrong_value_is_named(text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=r"^here: .*|^there is no") as caught:
        read_toml(text, "here")
    assert complaint in str(caught.value)


def test_set_reaches_into_sections_and_takes_numbers_and_words() -> None:
    tree = with_settings({"planning": {"horizon_s": 4.0}}, ["planning.horizon_s=6", "stack.planner=idm", "seed=3"])
    config = configured(tree)
    assert (config.planning.horizon_s, config.stack.planner, config.seed) == (6, "idm", 3)


@pytest.mark.parametrize("assignment", ["planning.horizon_s", "=3", "seed.more=1"])
def test_set_without_key_or_value_or_through_a_value_is_refused(assignment: str) -> None:
    with pytest.raises(InputError, match="--set"):
        with_settings({"seed": 1}, [assignment])
