"""Code that users bring: `module:Class` or `path/to/file.py:Class`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from geometry.errors import InputError


def class_named(name: str, what: str) -> type[Any]:
    """The class behind `module:Class` or `file.py:Class`; `what` says in errors what it was to be.

    Raises:
        InputError: no such module, file or class.
    """
    module_name, _, class_name = name.rpartition(":")
    found = getattr(module_named(module_name, what), class_name, None)
    if not isinstance(found, type):
        raise InputError(f"{module_name} has no class {class_name}")
    return found


def module_named(name: str, what: str) -> ModuleType:
    """A module by its name, or from a file; errors as `class_named`."""
    try:
        if name.endswith(".py"):
            return _from_file(Path(name), what)
        return importlib.import_module(name)
    except (ImportError, SyntaxError) as error:
        raise InputError(f"cannot load the {what}'s module {name}: {error}") from error


def _from_file(path: Path, what: str) -> ModuleType:
    if not path.is_file():
        raise InputError(f"there is no such file to load a {what} from", path)
    name = f"{what}_file_{path.stem}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ is not None and Path(known.__file__) == path.resolve():
        return known
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise InputError("this file cannot be loaded as a Python module", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up by name
    spec.loader.exec_module(module)
    if not inspect.getmembers(module, inspect.isclass):
        raise InputError("this file defines no class", path)
    return module
