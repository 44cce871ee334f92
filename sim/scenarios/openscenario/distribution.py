"""Parameter variations (`<ParameterValueDistribution>`): one scenario, many values.

In: a distribution file. Out: variations in a fixed order: the file's order of parameters, the last one fastest. Those
that break a constraint of the scenario's declarations are no cases (OpenSCENARIO XML 1.3: constraint groups are
alternatives, the rules inside one group all hold).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geometry.errors import InputError, Place
from maps.strict_xml import read_xml
from sim.scenarios.openscenario.declarations import read_declarations
from sim.scenarios.openscenario.expressions import as_text
from sim.scenarios.openscenario.parameters import Declaration, Scope, declare, satisfied
from sim.scenarios.openscenario.reading import Node
from sim.scenarios.references import Reference, References

MAX_VARIATIONS = 10_000_000
"""Files that expand to more are refused."""

Assignment = Mapping[str, str]
Axis = tuple[Assignment, ...]
"""The values that vary together: one assignment is chosen from each axis."""


@dataclass(frozen=True, slots=True)
class Variation:
    """One choice: its place in the full expansion, and the parameters' values."""

    index: int
    parameters: Assignment


@dataclass(frozen=True, slots=True)
class Variations:
    """The expansion of one file. `declarations` are those of the scenario that it varies."""

    scenario_path: Path
    axes: tuple[Axis, ...]
    declarations: tuple[Declaration, ...]
    place: Place

    @property
    def total(self) -> int:
        """How many there are, valid or not."""
        return math.prod(len(axis) for axis in self.axes)

    def at(self, index: int) -> Variation:
        """One variation of the full expansion."""
        parameters: dict[str, str] = {}
        rest = index
        for axis in reversed(self.axes):
            rest, choice = divmod(rest, len(axis))
            parameters.update(axis[choice])
        return Variation(index, parameters)

    def is_valid(self, variation: Variation) -> bool:
        """Whether its values meet the constraints of the scenario's declarations.

        Raises:
            InputError: a value of the wrong type, or for a parameter that the scenario does not declare.
        """
        try:
            scope = declare(self.declarations, Scope(), variation.parameters, check=False)
        except InputError as error:
            raise error if error.place is not None else InputError(str(error), self.place) from None
        return all(satisfied(item, scope) for item in self.declarations)

    def valid(self) -> Iterator[Variation]:
        """All valid ones, in order."""
        return (variation for variation in map(self.at, range(self.total)) if self.is_valid(variation))

    def sample(self, count: int, seed: int) -> tuple[Variation, ...]:
        """`count` different valid ones (all, if there are fewer), each equally likely, in the order of the
        expansion."""
        order = np.random.Generator(np.random.PCG64(seed)).permutation(self.total)
        chosen: list[Variation] = []
        for index in order:
            if len(chosen) == count:
                break
            variation = self.at(int(index))
            if self.is_valid(variation):
                chosen.append(variation)
        return tuple(sorted(chosen, key=lambda variation: variation.index))


def sample_evenly(files: Sequence[Variations], count: int | None, seed: int) -> tuple[tuple[Variation, ...], ...]:
    """`count` valid variations, the same number from each file; what a small file lacks the others give. All of each
    file where `count` is None."""
    if count is None:
        return tuple(tuple(variations.valid()) for variations in files)
    chosen: list[tuple[Variation, ...]] = [()] * len(files)
    unfilled, left = list(range(len(files))), count
    while unfilled:
        share = left // len(unfilled)
        small = [k for k in unfilled if len(files[k].sample(share + 1, seed)) <= share]
        for k in small:
            chosen[k] = files[k].sample(share, seed)
            left -= len(chosen[k])
            unfilled.remove(k)
        if not small:
            more = left - share * len(unfilled)
            for place, k in enumerate(unfilled):
                chosen[k] = files[k].sample(share + (place < more), seed)
            break
    return tuple(chosen)


def is_variation(path: Path) -> bool:
    """Whether a scenario file is a parameter variation.

    Raises:
        InputError: the file cannot be read.
    """
    return path.suffix == ".xosc" and read_xml(path).find("ParameterValueDistribution") is not None


def read_variations(path: Path, root: Path | None = None) -> Variations:
    """Read a distribution file and the declarations of its scenario.

    Raises:
        InputError: a wrong file, a missing scenario, or too many variations.
        UnsupportedError: a distribution that Lanewise does not do.
    """
    document = Node(read_xml(path, root="OpenSCENARIO"), Scope())
    node = document.child("ParameterValueDistribution").allow("ScenarioFile", "Deterministic", "Stochastic")
    file = node.child("ScenarioFile")
    reference = Reference(file.text("filepath"), file.place)
    scenario_path = References.of(path, (reference,), root).existing_file(reference, "the scenario")
    deterministic, stochastic = node.find("Deterministic"), node.find("Stochastic")
    if (deterministic is None) == (stochastic is None):
        raise InputError("a distribution needs either <Deterministic> or <Stochastic>", node.place)
    axes = _axes(deterministic) if deterministic is not None else (_runs(stochastic),)  # type: ignore[arg-type]
    declarations = read_declarations(Node(read_xml(scenario_path, root="OpenSCENARIO"), Scope()))
    variations = Variations(scenario_path, axes, declarations, node.place)
    if variations.total > MAX_VARIATIONS:
        raise InputError(
            f"the file expands to {variations.total} variations; at most {MAX_VARIATIONS} are allowed", node.place
        )
    return variations


# --- deterministic ----------------------------------------------------------------------------------------------------


def _axes(node: Node) -> tuple[Axis, ...]:
    node.allow("DeterministicSingleParameterDistribution", "DeterministicMultiParameterDistribution")
    axes: list[Axis] = []
    named: set[str] = set()
    for item in node:
        axis = _single(item) if item.tag == "DeterministicSingleParameterDistribution" else _value_sets(item)
        names = set().union(*axis)
        if names & named:
            raise InputError(f"parameter {min(names & named)} is varied twice", item.place)
        named |= names
        axes.append(axis)
    return tuple(axes)


def _single(node: Node) -> Axis:
    name = node.text("parameterName")
    values = node.choose(DETERMINISTIC)
    return tuple({name: value} for value in values)


def _set_values(node: Node) -> tuple[str, ...]:
    values = tuple(item.text("value") for item in node.allow("Element"))
    if not values:
        raise InputError("a <DistributionSet> needs at least one <Element>", node.place)
    return values


def _range_values(node: Node) -> tuple[str, ...]:
    step, limits = node.number("stepWidth"), node.allow("Range").child("Range")
    low, high = limits.number("lowerLimit"), limits.number("upperLimit")
    if step <= 0.0 or high < low:
        raise InputError(
            "a <DistributionRange> needs a step above 0 and an upper limit not below the lower", node.place
        )
    # A thousandth of a step absorbs the rounding of decimal steps, so that the upper limit itself is reached.
    count = math.floor((high - low) / step + 1e-3) + 1
    if count > MAX_VARIATIONS:
        raise InputError(f"the range has {count} steps; at most {MAX_VARIATIONS} are allowed", node.place)
    return tuple(as_text(round(low + k * step, 12)) for k in range(count))


def _value_sets(node: Node) -> Axis:
    sets = node.choose({"ValueSetDistribution": lambda item: tuple(item.allow("ParameterValueSet"))})
    if not sets:
        raise InputError("a <ValueSetDistribution> needs at least one <ParameterValueSet>", node.place)
    return tuple(
        {item.text("parameterRef"): item.text("value") for item in one.allow("ParameterAssignment")} for one in sets
    )


DETERMINISTIC: Mapping[str, Callable[[Node], tuple[str, ...]]] = {
    "DistributionSet": _set_values,
    "DistributionRange": _range_values,
}


# --- stochastic -------------------------------------------------------------------------------------------------------

Draw = Callable[[np.random.Generator], float | str]


def _runs(node: Node) -> Axis:
    """All test runs of a stochastic distribution, drawn from the seed that the file gives (0 without one)."""
    count, seed = node.integer("numberOfTestRuns"), node.integer("randomSeed", 0)
    if not 1 <= count <= MAX_VARIATIONS:
        raise node.wrong("numberOfTestRuns", str(count), f"a number from 1 to {MAX_VARIATIONS}")
    draws = {item.text("parameterName"): _stochastic(item) for item in node.allow("StochasticDistribution")}
    rng = np.random.Generator(np.random.PCG64(abs(seed)))
    return tuple({name: as_text(draw(rng)) for name, draw in draws.items()} for _ in range(count))


def _stochastic(node: Node) -> Draw:
    return node.choose(STOCHASTIC)


def _probability_set(node: Node) -> Draw:
    items = node.all("Element")
    values = tuple(item.text("value") for item in items)
    shares = _shares(node, np.array([item.number("weight", least=0.0) for item in items]))
    return lambda rng: values[int(rng.choice(len(values), p=shares))]


def _histogram(node: Node) -> Draw:
    bins = node.all("Bin")
    limits = [(item.child("Range").number("lowerLimit"), item.child("Range").number("upperLimit")) for item in bins]
    shares = _shares(node, np.array([item.number("weight", least=0.0) for item in bins]))
    return lambda rng: float(rng.uniform(*limits[int(rng.choice(len(limits), p=shares))]))


def _uniform(node: Node) -> Draw:
    limits = node.child("Range")
    low, high = limits.number("lowerLimit"), limits.number("upperLimit")
    if high < low:
        raise InputError("a <Range> needs an upper limit not below the lower", limits.place)
    return lambda rng: float(rng.uniform(low, high))


def _normal(node: Node) -> Draw:
    mean, deviation = node.number("expectedValue"), math.sqrt(node.number("variance", least=0.0))
    return _within(node, lambda rng: float(rng.normal(mean, deviation)))


def _log_normal(node: Node) -> Draw:
    mean, deviation = node.number("expectedValue"), math.sqrt(node.number("variance", least=0.0))
    return _within(node, lambda rng: float(rng.lognormal(mean, deviation)))


def _poisson(node: Node) -> Draw:
    expected = node.number("expectedValue", least=0.0)
    return _within(node, lambda rng: float(rng.poisson(expected)))


def _within(node: Node, draw: Callable[[np.random.Generator], float]) -> Draw:
    """The distribution cut to its `<Range>`, by drawing again."""
    limits = node.find("Range")
    if limits is None:
        return draw
    low, high, place = limits.number("lowerLimit"), limits.number("upperLimit"), limits.place

    def drawn(rng: np.random.Generator) -> float:
        for _ in range(100_000):
            value = draw(rng)
            if low <= value <= high:
                return value
        raise InputError("the range cuts away practically all of the distribution", place)

    return drawn


def _shares(
    node: Node, weights: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    if not len(weights) or weights.sum() <= 0.0:
        raise InputError(f"<{node.tag}> needs elements with weights above 0", node.place)
    return weights / weights.sum()


STOCHASTIC: Mapping[str, Callable[[Node], Draw]] = {
    "ProbabilityDistributionSet": _probability_set,
    "NormalDistribution": _normal,
    "LogNormalDistribution": _log_normal,
    "UniformDistribution": _uniform,
    "PoissonDistribution": _poisson,
    "Histogram": _histogram,
}
