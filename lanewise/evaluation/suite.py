"""Suites: TOML files that list scenarios, the values of their parameters, and tags to choose by.

name = "highway"
[[scenario]]
file = "cut-in"                     # a shipped name, or a path relative to the suite
tags = ["highway", "cut-in"]
[scenario.parameters]
EgoSpeed_kmh = [90, 108]            # every combination of the lists is a case
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from geometry.errors import InputError
from lanewise.scenarios.catalog import shipped

FOLDER = Path(__file__).parent.parent / "suites"
MAX_CASES = 100_000


@dataclass(frozen=True, slots=True)
class SuiteCase:
    """One scenario with one choice of values. `name` is unique in its suite and stays the same when others join."""

    name: str
    scenario: str
    parameters: Mapping[str, str]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suite:
    """A named list of cases."""

    name: str
    cases: tuple[SuiteCase, ...]

    def filtered(self, expressions: Sequence[str]) -> Suite:
        """The cases that have all the tags (or name parts), and none of those that begin with `!`."""
        kept = [case for case in self.cases if all(_matches(case, expression) for expression in expressions)]
        if not kept:
            tags = sorted({tag for case in self.cases for tag in case.tags})
            raise InputError(f"no case of {self.name} matches {' '.join(expressions)}; tags are {', '.join(tags)}")
        return Suite(self.name, tuple(kept))


def _matches(case: SuiteCase, expression: str) -> bool:
    wanted, word = not expression.startswith("!"), expression.removeprefix("!")
    return (word in case.tags or word in case.name) == wanted


def shipped_suites() -> dict[str, Path]:
    """The suites that ship, name to file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def load_suite(name: str) -> Suite:
    """A suite by its shipped name or its file.

    Raises:
        InputError: no such suite, or a file that is none.
    """
    path = shipped_suites().get(name, Path(name))
    if not path.is_file():
        raise InputError(f"there is no suite {name!r}; shipped are {', '.join(shipped_suites())}, or give a .toml file")
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not valid TOML: {error}", path) from None
    _check_keys(tree, ("name", "scenario"), path)
    cases = [case for entry in tree.get("scenario", []) for case in _cases(entry, path)]
    if not cases:
        raise InputError("the suite lists no [[scenario]]", path)
    if len({case.name for case in cases}) != len(cases):
        raise InputError("two cases of the suite are the same; remove one", path)
    return Suite(str(tree.get("name", path.stem)), tuple(cases))


def _cases(entry: Any, path: Path) -> list[SuiteCase]:
    if not isinstance(entry, Mapping):
        raise InputError("a suite lists its scenarios as [[scenario]] tables", path)
    _check_keys(entry, ("file", "tags", "parameters"), path)
    file = entry.get("file")
    if not isinstance(file, str):
        raise InputError("a [[scenario]] needs file = a shipped name or a path", path)
    scenario = file if file in shipped() else str(path.parent / file)
    grid = {name: value if isinstance(value, list) else [value] for name, value in entry.get("parameters", {}).items()}
    total = 1
    for name, values in grid.items():
        total *= len(values)
        if not values or total > MAX_CASES:
            raise InputError(f"{file}: {name} has {len(values)} values; a suite holds 1 to {MAX_CASES} cases", path)
    tags = tuple(str(tag) for tag in entry.get("tags", []))
    return [_case(file, scenario, dict(zip(grid, values, strict=True)), tags) for values in product(*grid.values())]


def _case(file: str, scenario: str, values: Mapping[str, Any], tags: tuple[str, ...]) -> SuiteCase:
    parameters = {name: _text(value) for name, value in values.items()}
    label = ",".join(f"{name}={value}" for name, value in parameters.items())
    return SuiteCase(f"{Path(file).stem}[{label}]" if label else Path(file).stem, scenario, parameters, tags)


def _text(value: Any) -> str:
    """A value as OpenSCENARIO writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_keys(tree: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
    for key in tree:
        if key not in known:
            raise InputError(f"unknown key {key}; known are {', '.join(known)}", path)
