"""The inference that a stack's nets and kernels share: which models there are, and the server of one drive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from inference.engines.catalog import engine_named
from inference.engines.engine import EngineOptions, ShapeProfile
from inference.here import RunKernel
from inference.server import OrderedServer
from inference.settings import InferenceSettings, ModelChoice
from inference.store import Store, StoredModel
from inference.tensors import Arrays
from inference.threads import ThreadBudget, usable_cores
from inference.work import Work, kernel_work, model_work
from lanewise.cache import cache_folder
from localization.map_matching import LANE_HYPOTHESES
from planning.scoring_kernel import CANDIDATE_SCORING

MODELS = Path(__file__).parent / "models"
KERNELS = (CANDIDATE_SCORING, LANE_HYPOTHESES)
"""Kernels of our own modules. `[[inference.models]]` of their names say how they are run, as for nets."""
USERS_NET = "user-detector"
"""What the server knows a net by that a user brings as a file."""


def model_store(own: Path | None = None) -> Store:
    """The user's models, in the cache folder unless another is named, and those that are shipped."""
    return Store(own if own is not None else cache_folder() / "models", (MODELS,))


def model_named(name: str, version: str, own: Path | None = None) -> StoredModel:
    """A model; without a version the newest that is shipped, so that a drive does not change with the cache folder.

    Raises:
        InputError: there is none, or it is damaged.
    """
    return model_store(own).find(name, version) if version else Store(MODELS).find(name)


def work_of(choice: ModelChoice, budget: ThreadBudget, model: StoredModel | None = None) -> Work:
    """A net as it was chosen to be run; of the store, unless it is given."""
    options = EngineOptions(
        budget.granted(choice.threads), choice.provider, half=choice.half, cache=cache_folder(),
        profile=ShapeProfile(1, choice.batch, max(choice.batch, 16)),
    )  # fmt: skip
    found = model or model_named(choice.name, choice.version)
    return model_work(found, engine_named(choice.engine), options, batch=choice.batch, latency_s=choice.latency_s)


def server_of(settings: InferenceSettings, nets: Iterable[tuple[ModelChoice, StoredModel]] = ()) -> OrderedServer:
    """The deterministic server of one drive: our kernels, the given nets, and others that the settings name.

    Raises:
        InputError: a net or engine that is not there.
    """
    budget = ThreadBudget(settings.threads or usable_cores())
    given = {choice.name: work_of(choice, budget, model) for choice, model in nets}
    kernels = {kernel.name: kernel_work(kernel, _options(settings.of(kernel.name), budget)) for kernel in KERNELS}
    named = [choice for choice in settings.models if choice.name not in {*given, *kernels, USERS_NET}]
    return OrderedServer([*given.values(), *kernels.values(), *(work_of(choice, budget) for choice in named)], budget)


def _options(choice: ModelChoice, budget: ThreadBudget) -> EngineOptions:
    return EngineOptions(budget.granted(choice.threads), choice.provider)


def inferring(server: OrderedServer, client: str) -> Callable[[str, Arrays], Arrays]:
    """What a module that asks nets is handed: `infer(name, arrays)`, asked under its own name."""
    return lambda name, arrays: server.infer(name, arrays, client=client)


def running(server: OrderedServer, client: str) -> RunKernel:
    """What a module that brings a kernel is handed: `run(kernel, arrays)`, asked under its own name."""
    return lambda kernel, arrays: server.run(kernel, arrays, client=client)
