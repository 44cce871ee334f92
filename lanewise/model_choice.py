"""Puts the choice of an engine into a configuration file, and leaves the rest of it as the user wrote it."""

from __future__ import annotations

import tomllib
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

import tomli_w

from geometry.errors import InputError
from inference.settings import ModelChoice
from lanewise.config import read_toml

HEADER = "[[inference.models]]"


def write_choice(path: Path, choice: ModelChoice) -> None:
    """Write the file anew, with this choice in the place of one for the same net; what is refused changes nothing.

    Raises:
        InputError: the file cannot be read or written, is no configuration, or lists its models in a way that cannot
            be edited.
    """
    after = with_choice(read_before(path), choice, path)
    try:
        written = path.with_name(f".{path.name}.new")
        written.write_text(after, encoding="utf-8")
        written.replace(path)
    except OSError as error:
        raise InputError(f"cannot write the configuration: {error.strerror}", path) from error


def read_before(path: Path) -> str:
    """The configuration file as it is; empty where there is none yet.

    Raises:
        InputError: its folder does not exist, it cannot be read, or it is no configuration.
    """
    if not path.parent.is_dir():
        raise InputError("cannot write the configuration: its folder does not exist", path)
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InputError(f"cannot read the configuration: {why}", path) from error
    read_toml(text, path)
    return text


def with_choice(text: str, choice: ModelChoice, path: Path) -> str:
    """The text of a configuration with this choice in it.

    Raises:
        InputError: as `write_choice`.
    """
    block = f"{HEADER}\n" + tomli_w.dumps({key: value for key, value in asdict(choice).items() if value != ""})
    kept = _without(text, choice.name).rstrip()
    after = f"{kept}\n\n{block}" if kept else block
    try:
        edited = tomllib.loads(after)["inference"]["models"]
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        edited = []
    if [entry.get("name") for entry in edited].count(choice.name) != 1:
        listed = tomli_w.dumps(asdict(choice)).strip().replace("\n", ", ")
        raise InputError(f"its models are not listed as {HEADER}; put this in by hand: {listed}", path)
    return after


def _without(text: str, name: str) -> str:
    """The text without the block of this net; a block goes from its header to the next."""
    lines = text.splitlines(keepends=True)
    headers = [i for i, line in enumerate(lines) if line.lstrip().startswith("[")]
    for begin, end in pairwise([*headers, len(lines)]):
        block = "".join(lines[begin:end])
        if lines[begin].split("#")[0].strip() != HEADER:
            continue
        if tomllib.loads(block)["inference"]["models"][0].get("name") == name:
            return "".join(lines[:begin] + lines[end:])
    return text
