"""Which drives a command line asks for: shipped names, files, globs, and samples of parameter variations."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geometry.errors import InputError
from lanewise.run import scenario_file
from sim.scenarios.openscenario.distribution import is_variation, read_variations, sample_evenly


@dataclass(frozen=True, slots=True)
class Case:
    """One drive of a selection; `group` is the file it comes from, `label` distinguishes the drives of a group."""

    scenario: str
    parameters: Mapping[str, str]
    group: str
    label: str


def select(names: Sequence[str], root: Path | None, sample: int | None, every: bool, seed: int) -> tuple[Case, ...]:
    """The cases, in the order of the names; `sample` valid variations are shared evenly by the variation files.

    Raises:
        InputError: a name that is neither file nor shipped scenario, a glob without a match, variations without
            `sample` or `every`, or either without variations.
    """
    expanded = [path for name in names for path in _expanded(name)]
    varied = [path for path in expanded if is_variation(scenario_file(path))]
    if varied and sample is None and not every:
        raise InputError("this is a parameter variation; say --sample N or --all", varied[0])
    if not varied and (sample is not None or every):
        raise InputError("--sample and --all need a file of parameter variations; there is none among the scenarios")
    files = {path: read_variations(Path(path), root) for path in varied}
    of_file = dict(zip(files, sample_evenly(list(files.values()), sample, seed), strict=True))
    cases: list[Case] = []
    for path in expanded:
        stem = Path(path).stem
        if path not in files:
            cases.append(Case(path, {}, stem, stem))
        for variation in of_file.get(path, ()):
            scenario = str(files[path].scenario_path)
            cases.append(Case(scenario, variation.parameters, stem, f"{stem}-{variation.index:06d}"))
    return tuple(cases)


def _expanded(name: str) -> list[str]:
    if not glob.has_magic(name) or Path(name).exists():
        return [name]
    anchor = Path(name).anchor
    found = sorted(str(path) for path in Path(anchor).glob(name.removeprefix(anchor)))
    if not found:
        raise InputError(f"no file matches {name!r}")
    return found
