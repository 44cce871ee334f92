"""Files that a scenario refers to: resolved inside the scenario's root, and nowhere else.

The root is given, or it is the nearest ancestor of the scenario (at most four folders up) under which all of its
references lie. Absolute paths, paths that leave the root and links that point out of it are refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from geometry.errors import InputError, Place

LEVELS_UP = 4


@dataclass(frozen=True, slots=True)
class Reference:
    """A path as it stands in a file, and where it stands."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class References:
    """Resolves references of one scenario file; `base` is its folder, `root` the folder that may not be left."""

    base: Path
    root: Path

    @staticmethod
    def of(scenario: Path, references: tuple[Reference, ...], root: Path | None) -> References:
        """The references of a scenario; without a root the nearest sufficient ancestor is taken.

        Raises:
            InputError: a reference is absolute or leaves the root.
        """
        base = scenario.resolve().parent
        if root is not None:
            resolver = References(base, root.resolve())
        else:
            levels = max((_levels_up(reference) for reference in references), default=0)
            # The file system's own root holds everything, so it bounds nothing: it is never the root of a scenario.
            highest = min(LEVELS_UP, max(len(base.parents) - 1, 0))
            resolver = References(base, ([base, *base.parents])[min(levels, highest)])
        for reference in references:
            resolver.resolve(reference)
        return resolver

    def resolve(self, reference: Reference) -> Path:
        """The file or folder that a reference names; it need not exist.

        Raises:
            InputError: the reference is absolute, leaves the root, or follows a link out of it.
        """
        _levels_up(reference)
        try:
            path = (self.base / reference.text.replace("\\", "/")).resolve()
            path.exists()
        except (OSError, RuntimeError) as error:  # too long a name, a loop of links
            raise InputError(f"{reference.text[:200]!r} is no path that can be followed", reference.place) from error
        if not path.is_relative_to(self.root):
            raise InputError(
                f"the path {reference.text[:200]!r} leads out of the scenario's root {self.root}; move the file inside "
                "or name a wider folder with --root",
                reference.place,
            )
        return path

    def existing_file(self, reference: Reference, what: str) -> Path:
        """The file that a reference names.

        Raises:
            InputError: as `resolve`, or there is no such file.
        """
        path = self.resolve(reference)
        if not path.is_file():
            raise InputError(f"{what} {reference.text[:200]!r} does not exist (looked for {path})", reference.place)
        return path


def _levels_up(reference: Reference) -> int:
    """How many folders a relative path climbs above its base."""
    text = reference.text
    if "\0" in text or not text.strip():
        raise InputError("a path is empty or holds a NUL character", reference.place)
    windows = PureWindowsPath(text)
    if PurePosixPath(text).is_absolute() or windows.is_absolute() or windows.drive or windows.root:
        raise InputError(
            f"the path {text[:200]!r} is absolute; paths are relative to the file they stand in", reference.place
        )
    depth = lowest = 0
    for part in PurePosixPath(text.replace("\\", "/")).parts:
        depth += -1 if part == ".." else 1
        lowest = min(lowest, depth)
    return -lowest
