"""Planners that users bring, of both kinds: found, made, driven, or refused with a sentence."""

from pathlib import Path

import pytest

from geometry.errors import InputError
from lanewise.config import RunConfig, StackChoice
from lanewise.planners import build_planner, planner_class
from lanewise.run import Outputs, run
from planning.nuplan_style.adapter import NuplanPlanner

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def written(folder: Path, text: str) -> str:
    path = folder / "mine.py"
    path.write_text(text)
    return str(path)


def test_a_planner_of_the_devkits_kind_drives(tmp_path: Path) -> None:
    stack = StackChoice(planner=f"{EXAMPLES / 'nuplan_style_planner.py'}:LaneFollower")
    config = RunConfig(scenario="stopped-lead", stack=stack)
    result = run(config, tmp_path / "run", Outputs(record=False, report=False), lambda _: None)
    assert result.verdict.passed
    assert "no contact" in result.verdict.cause


def test_it_is_adapted_and_others_are_not(tmp_path: Path) -> None:
    methods = "    def {0}(self, *_): pass\n"
    names = ("initialize", "compute_planner_trajectory", "name", "observation_type")
    text = "class Theirs:\n" + "".join(methods.format(name) for name in names)
    text += "class Ours:\n" + "".join(methods.format(name) for name in ("start", "plan"))
    path = written(tmp_path, text)
    assert isinstance(build_planner(f"{path}:Theirs", None), NuplanPlanner)
    assert not isinstance(build_planner(f"{path}:Ours", None), NuplanPlanner)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "class Mine:\n    def start(self, c): pass\n",
            "is no planner: it has no method plan, and not all of initialize",
        ),
        ("Mine = 3\nclass Other: pass\n", "has no class Mine"),
        (
            "import nuplan.planning\nclass Mine: pass\n",
            "imports nuplan, which is not installed: .*planning.nuplan_style",
        ),
        ("import none_such\nclass Mine: pass\n", "cannot load the planner's module .*none_such"),
        ("class Mine\n", "cannot load the planner's module"),
    ],
)
def test_what_is_no_planner_is_refused_with_a_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        planner_class(f"{written(tmp_path, text)}:Mine")


def test_a_planner_that_needs_arguments_is_refused(tmp_path: Path) -> None:
    body = "    def __init__(self, x): pass\n    def start(self, c): pass\n    def plan(self, s, m): pass\n"
    path = written(tmp_path, f"class Mine:\n{body}")
    with pytest.raises(InputError, match=r"cannot be made without arguments: .*missing 1 required"):
        build_planner(f"{path}:Mine", None)
