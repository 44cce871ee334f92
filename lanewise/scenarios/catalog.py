"""What ships with Lanewise: scenarios and maps by name."""

from __future__ import annotations

from pathlib import Path

from geometry.errors import InputError

FOLDER = Path(__file__).parent


def shipped() -> dict[str, Path]:
    """The shipped scenarios, name to file, in alphabetical order."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.xosc"))}


def shipped_rounds() -> dict[str, Path]:
    """The shipped drives on maps with places to go to, name to file, in alphabetical order."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def shipped_maps() -> dict[str, Path]:
    """The shipped maps, on which the ego drives from a start to a goal, name to file, in alphabetical order."""
    return {path.stem: path for path in sorted((FOLDER / "maps").glob("*.xodr"))}


def shipped_scenario(name: str) -> Path:
    """The file of one shipped scenario, round or map.

    Raises:
        InputError: no such name.
    """
    known = shipped() | shipped_rounds() | shipped_maps()
    if name not in known:
        raise InputError(f"there is no scenario file or shipped scenario {name!r}; shipped are {', '.join(known)}")
    return known[name]
