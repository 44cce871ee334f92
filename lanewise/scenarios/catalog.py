"""What ships with Lanewise: scenarios by name."""

from __future__ import annotations

from pathlib import Path

from geometry.errors import InputError

FOLDER = Path(__file__).parent


def shipped() -> dict[str, Path]:
    """The shipped scenarios, name to file, in alphabetical order."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.xosc"))}


def shipped_scenario(name: str) -> Path:
    """The file of one shipped scenario.

    Raises:
        InputError: no such name.
    """
    scenarios = shipped()
    if name not in scenarios:
        raise InputError(f"there is no shipped scenario {name}; there are {', '.join(scenarios)}")
    return scenarios[name]
