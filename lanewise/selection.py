"""Which drives a command line asks for: shipped names, files, globs, and samples of parameter variations."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from geometry.errors import InputError
from lanewise.run import scenario_file
from sim.scenarios.openscenario.distribution import Variations, is_variation, read_variations


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
    shares = dict(zip(varied, _shares(sample, len(varied)), strict=True)) if sample is not None else {}
    return tuple(case for path in expanded for case in _cases(path, path in varied, root, shares.get(path), seed))


def _expanded(name: str) -> list[str]:
    if not glob.has_magic(name) or Path(name).exists():
        return [name]
    anchor = Path(name).anchor
    found = sorted(str(path) for path in Path(anchor).glob(name.removeprefix(anchor)))
    if not found:
        raise InputError(f"no file matches {name!r}")
    return found


def _shares(total: int | None, files: int) -> list[int]:
    """How many each file gets: as even as possible, the first ones one more."""
    if total is None or files == 0:
        return []
    return [total // files + (1 if i < total % files else 0) for i in range(files)]


def _cases(path: str, varied: bool, root: Path | None, share: int | None, seed: int) -> Iterator[Case]:
    stem = Path(path).stem
    if not varied:
        yield Case(path, {}, stem, stem)
        return
    variations: Variations = read_variations(Path(path), root)
    chosen = variations.valid() if share is None else islice(variations.sample(share, seed), share)
    for variation in chosen:
        yield Case(str(variations.scenario_path), variation.parameters, stem, f"{stem}-{variation.index:06d}")
