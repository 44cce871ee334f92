"""Which drives a command line asks for: shipped names, files, globs, and samples of parameter variations."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geometry.errors import InputError
from lanewise.run import scenario_file
from sim.scenarios.openscenario.distribution import Variation, Variations, is_variation, read_variations


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
    chosen = _sampled(files, sample, seed) if sample is not None else {p: tuple(v.valid()) for p, v in files.items()}
    cases: list[Case] = []
    for path in expanded:
        stem = Path(path).stem
        if path not in files:
            cases.append(Case(path, {}, stem, stem))
        for variation in chosen.get(path, ()):
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


def _sampled(files: Mapping[str, Variations], count: int, seed: int) -> dict[str, tuple[Variation, ...]]:
    """`count` valid variations, the same number from each file; what a small file lacks the others give."""
    chosen: dict[str, tuple[Variation, ...]] = {}
    open_files, left = list(files), count
    while open_files:
        share = max(left // len(open_files), 0)
        small = [path for path in open_files if len(files[path].sample(share + 1, seed)) <= share]
        if not small:
            extra = left - share * len(open_files)
            for k, path in enumerate(open_files):
                chosen[path] = files[path].sample(share + (k < extra), seed)
            break
        for path in small:
            chosen[path] = files[path].sample(share, seed)
            left -= len(chosen[path])
            open_files.remove(path)
    return chosen
