"""Planners by name, and planners that users bring: `module:Class` or `path/to/file.py:Class`.

A planner is a class with `start` and `plan` (`planning.planner.Planner`), or one with the methods of the nuPlan
devkit's planners (`planning.nuplan_style`). If it is a dataclass with a field `settings` of a dataclass type, the
`[planning]` section of the configuration fills that field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import MappingProxyType, ModuleType
from typing import Any, get_type_hints

from geometry.errors import InputError
from lanewise.plugins import module_named
from planning.idm import IdmPlanner
from planning.lanewise_planner import LanewisePlanner
from planning.nuplan_style.adapter import METHODS, NuplanPlanner
from planning.pdm_closed import PdmClosedPlanner
from planning.planner import Planner

PLANNERS: Mapping[str, type[Planner]] = MappingProxyType(
    {
        "idm": IdmPlanner,
        "pdm-closed": PdmClosedPlanner,
        "lanewise": LanewisePlanner,
    }
)


def planner_class(name: str) -> type[Any]:
    """The class behind a name: a planner of ours or of the nuPlan devkit's kind.

    Raises:
        InputError: no such planner, module, file or class, or it is neither kind of planner.
    """
    if name in PLANNERS:
        return PLANNERS[name]
    module_name, colon, class_name = name.rpartition(":")
    if not colon:
        known = ", ".join(PLANNERS)
        raise InputError(f"there is no planner {name!r}; known are {known}, or give module:Class or file.py:Class")
    found = getattr(_module(module_name), class_name, None)
    if not isinstance(found, type):
        raise InputError(f"{module_name} has no class {class_name}")
    missing = [method for method in ("start", "plan") if not callable(getattr(found, method, None))]
    if missing and not is_nuplan_style(found):
        raise InputError(
            f"{name} is no planner: it has no method {' and no method '.join(missing)}, and not all of "
            f"{', '.join(METHODS)}"
        )
    return found


def is_nuplan_style(kind: type[Any]) -> bool:
    """Whether a class has the methods of the nuPlan devkit's planners."""
    return all(callable(getattr(kind, method, None)) for method in METHODS)


def planner_settings(name: str) -> type | None:
    """The type of a planner's settings, None if it has none; errors as `planner_class`."""
    kind: Any = planner_class(name)
    if not is_dataclass(kind) or "settings" not in {item.name for item in fields(kind)}:
        return None
    found: type = get_type_hints(kind)["settings"]
    return found


def build_planner(name: str, settings: Any) -> Planner:
    """A planner with its settings (None: it has none); errors as `planner_class`."""
    kind: Any = planner_class(name)
    try:
        planner: Any = kind() if settings is None else kind(settings=settings)
    except TypeError as error:
        raise InputError(f"the planner {name} cannot be made without arguments: {error}") from error
    made: Planner = NuplanPlanner(planner) if is_nuplan_style(kind) else planner
    return made


def _module(name: str) -> ModuleType:
    try:
        return module_named(name, "planner")
    except InputError as error:
        cause = error.__cause__
        if isinstance(cause, ImportError) and (cause.name or "").split(".")[0] == "nuplan":
            raise InputError(
                f"the planner's module {name} imports nuplan, which is not installed: install it, or import the same "
                f"names from planning.nuplan_style"
            ) from cause
        raise
