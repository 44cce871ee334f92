"""`lanewise new planner|detector|scenario NAME`: files to begin with that run as they are."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import Annotated

import typer

from geometry.errors import InputError
from lanewise.scenarios.catalog import FOLDER as SHIPPED

TEMPLATES = Path(__file__).parent / "templates"
BESIDE_SCENARIO = ("maps/highway_straight.xodr", "catalogs/vehicles.xosc")
"""What a new scenario refers to; shipped files, copied beside it."""

app = typer.Typer(no_args_is_help=True, help="Write files to begin with: a planner, a detector or a scenario.")

Name = Annotated[str, typer.Argument(help="Letters, digits, _ or -; names the files.")]
Folder = Annotated[Path, typer.Option("--in", help="Folder to write into.")]


@app.command("planner")
def planner_command(name: Name, folder: Folder = Path()) -> None:
    """Write NAME.py with a planner that drives, and test_NAME.py that runs it."""
    path, kind = _module(name, folder, "planner")
    typer.echo(f"try it: lanewise run stopped-lead --planner {path}:{kind}")


@app.command("detector")
def detector_command(name: Name, folder: Folder = Path()) -> None:
    """Write NAME.py with a detector for the cameras' pictures, and test_NAME.py that shows it one."""
    path, kind = _module(name, folder, "detector")
    typer.echo(f"try it: lanewise run stopped-lead --detector {path}:{kind}")


def _module(name: str, folder: Path, what: str) -> tuple[Path, str]:
    """Write a module and its test from the templates of a planner or detector; its file and the name of its class."""
    stem = checked(name).replace("-", "_")
    if stem in keyword.kwlist or not stem[0].isalpha():
        raise InputError(f"a {what} cannot be called {name!r}: its file has to be a Python module; choose another name")
    kind = class_name(stem)
    path = folder / f"{stem}.py"
    words = {"FILE": path.name, f"New{what.capitalize()}": kind}
    write({path: _filled(f"{what}.py", words), folder / f"test_{stem}.py": _filled(f"test_{what}.py", words)})
    return path, kind


@app.command("scenario")
def scenario_command(name: Name, folder: Folder = Path()) -> None:
    """Write NAME.xosc that runs, with the map and the catalog of vehicles that it refers to."""
    path = folder / f"{checked(name)}.xosc"
    beside = {folder / part: (SHIPPED / part).read_text(encoding="utf-8") for part in BESIDE_SCENARIO}
    missing = {place: text for place, text in beside.items() if not place.exists()}
    write({path: _filled("scenario.xosc", {"FILE": path.name}), **missing})
    typer.echo(f"try it: lanewise run {path}")


def checked(name: str) -> str:
    """The name.

    Raises:
        InputError: it holds what file names better do not.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise InputError(f"a name of letters, digits, _ and - was expected, at most 64 of them; found {name!r}")
    return name


def class_name(stem: str) -> str:
    """`my_first` becomes `MyFirst`."""
    return "".join(part[:1].upper() + part[1:] for part in stem.split("_"))


def write(files: dict[Path, str]) -> None:
    """Write new files, all or none.

    Raises:
        InputError: one is there already, or cannot be written.
    """
    for path in files:
        if path.exists():
            raise InputError("is there already; choose another name, so that nothing is lost", path)
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise InputError(f"cannot be written: {error.strerror}", path) from error
        typer.echo(f"wrote {path}")


def _filled(template: str, words: dict[str, str]) -> str:
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text
