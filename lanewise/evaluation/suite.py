"""Suites: TOML files that list scenarios, the values of their parameters, and tags to choose by.

name = "highway"
[[scenario]]
file = "cut-in"                     # a shipped name, or a path relative to the suite
tags = ["highway", "cut-in"]
[scenario.parameters]
EgoSpeed_kmh = [90, 108]            # every combination of the lists is a case
[[scenario]]
file = "$LANEWISE_DATA/ncap/*.xosc" # variables and wildcards; a file of variations gives all its valid ones,
sample = 2000                       # or so many, shared evenly by the files and drawn by a fixed seed
expert = false                      # judged by the scenario's own verdict: no expert drives, there is no nuPlan score
"""

from __future__ import annotations

import glob
import os
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from geometry.errors import InputError
from lanewise.scenarios.catalog import shipped, shipped_maps
from sim.scenarios.openscenario.distribution import Variation, is_variation, read_variations, sample_evenly

FOLDER = Path(__file__).parent.parent / "suites"
MAX_CASES = 100_000
SAMPLE_SEED = 0


@dataclass(frozen=True, slots=True)
class SuiteCase:
    """One scenario with one choice of values. `name` is unique in its suite and stays the same when others join.

    Without `expert` the case has no nuPlan score, which compares progress with an expert's drive.
    """

    name: str
    scenario: str
    parameters: Mapping[str, str]
    tags: tuple[str, ...]
    expert: bool = True


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
    _check_keys(entry, ("file", "tags", "parameters", "sample", "expert"), path)
    file, sample, expert = entry.get("file"), entry.get("sample"), entry.get("expert", True)
    if not isinstance(file, str):
        raise InputError("a [[scenario]] needs file = a shipped name or a path", path)
    if sample is not None and (type(sample) is not int or sample < 1):
        raise InputError(f"sample = {sample!r} of {file} is not a count of variations, for example 2000", path)
    if not isinstance(expert, bool):
        raise InputError(f"expert = {expert!r} of {file} is neither true nor false", path)
    tags = tuple(str(tag) for tag in entry.get("tags", []))
    values = entry.get("parameters", {})
    if file in shipped() or file in shipped_maps():
        if sample is not None:
            raise InputError(f"{file} is no file of variations to take a sample of", path)
        cases = _grid(file, file, values, tags, path)
    else:
        cases = _of_files(_files(file, path), values, tags, sample, path)
    return [replace(case, expert=expert) for case in cases]


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


def _of_files(
    files: Sequence[Path], values: Mapping[str, Any], tags: tuple[str, ...], sample: int | None, path: Path
) -> list[SuiteCase]:
    """The cases of files: the valid variations of those that vary their parameters, else the suite's own values."""
    for file in files:
        if not file.is_file():
            raise InputError(f"the suite names a scenario that is not there: {file}", path)
    varied = {file: read_variations(file) for file in files if is_variation(file)}
    if varied and values:
        raise InputError(
            f"{next(iter(varied)).name} varies its parameters itself; the suite cannot give it others", path
        )
    if sample is not None and len(varied) < len(files):
        single = next(file for file in files if file not in varied)
        raise InputError(f"{single.name} is no file of variations to take a sample of", path)
    of_file = dict(zip(varied, sample_evenly(list(varied.values()), sample, SAMPLE_SEED), strict=True))
    cases: list[SuiteCase] = []
    for file in files:
        if file in varied:
            cases += _of_variations(file.stem, varied[file].scenario_path, of_file[file], tags)
        else:
            cases += _grid(file.stem, str(file), values, tags, path)
    return cases


def _of_variations(
    name: str, scenario: Path, chosen: Sequence[Variation], tags: tuple[str, ...]
) -> Iterator[SuiteCase]:
    """A case per variation; only the parameters that vary are in its name."""
    first = chosen[0].parameters if chosen else {}
    same = {key for key in first if len({variation.parameters[key] for variation in chosen}) == 1}
    return (_case(name, str(scenario), variation.parameters, tags, same) for variation in chosen)


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
