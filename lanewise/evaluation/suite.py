"""Suites: TOML files that list scenarios, the values of their parameters, and tags to choose by.

name = "highway"
[[scenario]]
file = "cut-in"                     # a shipped name, or a path relative to the suite
tags = ["highway", "cut-in"]
[scenario.parameters]
EgoSpeed_kmh = [90, 108]            # every combination of the lists is a case
[[scenario]]
file = "$LANEWISE_DATA/ncap/*.xosc" # variables and wildcards; a file of variations gives all its valid ones
"""

from __future__ import annotations

import glob
import os
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from geometry.errors import InputError
from lanewise.scenarios.catalog import shipped, shipped_maps
from sim.scenarios.openscenario.distribution import is_variation, read_variations

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

    def sampled(self, count: int | None) -> Suite:
        """`count` of the cases, evenly over their order; all where it is None or there are no more."""
        total = len(self.cases)
        if count is None or count >= total:
            return self
        return Suite(self.name, tuple(self.cases[(2 * k + 1) * total // (2 * count)] for k in range(count)))


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
    tags = tuple(str(tag) for tag in entry.get("tags", []))
    values = entry.get("parameters", {})
    if file in shipped() or file in shipped_maps():
        return _grid(file, file, values, tags, path)
    return [case for found in _files(file, path) for case in _of_file(found, values, tags, path)]


def _files(pattern: str, path: Path) -> list[Path]:
    """Files that a path with variables and wildcards names, in the order of their names."""
    missing = [name for name in re.findall(r"\$\{?(\w+)", pattern) if name not in os.environ]
    if missing:
        raise InputError(f"the suite needs the environment variable {missing[0]}, which is not set", path)
    expanded = Path(os.path.expandvars(pattern))
    place = (
        expanded.absolute() if "$" in pattern else path.parent / expanded
    )  # a variable is the user's, not the suite's
    if not glob.has_magic(str(place)):
        return [place]
    found = sorted(Path(place.anchor or ".").glob(str(place).removeprefix(place.anchor)))
    if not found:
        raise InputError(f"no file matches {place}", path)
    return found


def _of_file(file: Path, values: Mapping[str, Any], tags: tuple[str, ...], path: Path) -> list[SuiteCase]:
    """The cases of one file: its valid variations where it is a file of such, else the suite's own values."""
    if not file.is_file():
        raise InputError(f"the suite names a scenario that is not there: {file}", path)
    if not is_variation(file):
        return _grid(file.stem, str(file), values, tags, path)
    if values:
        raise InputError(f"{file.name} varies its parameters itself; the suite cannot give it others", path)
    variations = read_variations(file)
    chosen = [variation.parameters for variation in variations.valid()]
    same = {name for name in chosen[0] if len({parameters[name] for parameters in chosen}) == 1} if chosen else set()
    return [_case(file.stem, str(variations.scenario_path), parameters, tags, same) for parameters in chosen]


def _grid(
    name: str, scenario: str, parameters: Mapping[str, Any], tags: tuple[str, ...], path: Path
) -> list[SuiteCase]:
    """Every combination of the values."""
    grid = {key: value if isinstance(value, list) else [value] for key, value in parameters.items()}
    total = 1
    for key, values in grid.items():
        total *= len(values)
        if not values or total > MAX_CASES:
            raise InputError(f"{name}: {key} has {len(values)} values; a suite holds 1 to {MAX_CASES} cases", path)
    return [_case(name, scenario, dict(zip(grid, values, strict=True)), tags) for values in product(*grid.values())]


def _case(
    name: str, scenario: str, values: Mapping[str, Any], tags: tuple[str, ...], unnamed: Collection[str] = ()
) -> SuiteCase:
    parameters = {key: _text(value) for key, value in values.items()}
    label = ",".join(f"{key}={value}" for key, value in parameters.items() if key not in unnamed)
    return SuiteCase(f"{name}[{label}]" if label else name, scenario, parameters, tags)


def _text(value: Any) -> str:
    """A value as OpenSCENARIO writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_keys(tree: Mapping[str, Any], known: Sequence[str], path: Path) -> None:
    for key in tree:
        if key not in known:
            raise InputError(f"unknown key {key}; known are {', '.join(known)}", path)
