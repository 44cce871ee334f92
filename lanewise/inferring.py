"""The inference that a stack's nets and kernels share: which models there are, and the server of one drive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from inference.engines.catalog import engine_named
from inference.engines.engine import EngineOptions, ShapeProfile
from inference.server import OrderedServer
from inference.settings import InferenceSettings, ModelChoice
from inference.store import Store, StoredModel
from inference.tensors import Arrays
from inference.threads import ThreadBudget, usable_cores
from inference.work import Work, model_work
from lanewise.cache import cache_folder

MODELS = Path(__file__).parent / "models"
NETS = ("detector",)
"""Nets that a stack may ask for."""


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


def server_of(settings: InferenceSettings) -> OrderedServer:
    """The deterministic server of one drive; nets are loaded when they are first asked.

    Raises:
        InputError: a net or engine that is not there.
    """
    budget = ThreadBudget(settings.threads or usable_cores())
    named = {choice.name: choice for choice in settings.models}
    choices = [named.get(name, ModelChoice(name)) for name in dict.fromkeys((*NETS, *named))]
    return OrderedServer([work_of(choice, budget) for choice in choices], budget)


def server_with(settings: InferenceSettings, model: StoredModel, choice: ModelChoice) -> OrderedServer:
    """The server of a drive that a user's own net looks in."""
    budget = ThreadBudget(settings.threads or usable_cores())
    return OrderedServer([work_of(choice, budget, model)], budget)


def inferring(server: OrderedServer, client: str) -> Callable[[str, Arrays], Arrays]:
    """What a module is handed: `infer(name, arrays)`, asked under its own name."""
    return lambda name, arrays: server.infer(name, arrays, client=client)
