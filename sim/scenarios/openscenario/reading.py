"""Elements of an OpenSCENARIO file with their parameters filled in, read strictly.

In: an XML element and the scope of parameters there. Out: typed attributes, and children dispatched by name through
literal tables. What no table names is refused with file and line, never skipped.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from geometry.errors import InputError, Place, UnsupportedError
from maps.strict_xml import Element, place_of
from sim.scenarios.openscenario.parameters import Scope

T = TypeVar("T")

LARGEST = 1e12
"""Numbers beyond this are refused; `INF` and omitted limits become infinity where the attribute allows it."""


class Library(Protocol):
    """Where references to catalogs are looked up."""

    def entry(self, reference: Node) -> Node:
        """The element that a `<CatalogReference>` names."""
        ...


class NoLibrary:
    """For files that have no catalogs."""

    def entry(self, reference: Node) -> Node:
        raise InputError("there are no catalogs here", reference.place)


@dataclass(frozen=True, slots=True)
class Node:
    """One element in its scope. `path` holds the names of the storyboard elements around it, outermost first."""

    element: Element
    scope: Scope
    catalogs: Library = NoLibrary()
    path: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        return str(self.element.tag)

    @property
    def place(self) -> Place:
        return place_of(self.element)

    def within(self, scope: Scope) -> Node:
        """The same element with other parameters."""
        return replace(self, scope=scope)

    def inside(self, name: str) -> Node:
        """The same element, as part of a storyboard element of that name."""
        return replace(self, path=(*self.path, name))

    # --- children ---

    def _of(self, child: Element) -> Node:
        return Node(child, self.scope, self.catalogs, self.path)

    def __iter__(self) -> Iterator[Node]:
        for child in self.element:
            yield self._of(child)

    def allow(self, *tags: str) -> Node:
        """Itself, if it has no other children.

        Raises:
            UnsupportedError: another child.
        """
        for child in self.element:
            if child.tag not in tags:
                raise self.unsupported(child)
        return self

    def unsupported(self, child: Element) -> UnsupportedError:
        return UnsupportedError(f"<{child.tag}> inside <{self.tag}> is not supported", place_of(child))

    def find(self, tag: str) -> Node | None:
        found = self.element.find(tag)
        return None if found is None else self._of(found)

    def child(self, tag: str) -> Node:
        """The first child of that name.

        Raises:
            InputError: there is none.
        """
        found = self.find(tag)
        if found is None:
            raise InputError(f"<{self.tag}> needs a <{tag}> element", self.place)
        return found

    def all(self, tag: str) -> tuple[Node, ...]:
        return tuple(self._of(child) for child in self.element.findall(tag))

    def referenced(self, tag: str) -> Node:
        """The child of that name, written out or referred to in a catalog.

        Raises:
            InputError: there is neither, or the reference names something else.
        """
        reference = self.find("CatalogReference")
        if reference is None:
            return self.child(tag)
        found = self.catalogs.entry(reference)
        if found.tag != tag:
            raise InputError(f"a <{tag}> was expected, but the catalog entry is a <{found.tag}>", reference.place)
        return found

    def choose(self, table: Mapping[str, Callable[[Node], T]]) -> T:
        """Parse the one child by the table's entry for its name.

        Raises:
            UnsupportedError: its name is not in the table.
            InputError: there is not exactly one child.
        """
        if len(self.element) != 1:
            raise InputError(
                f"<{self.tag}> needs exactly one of {', '.join(table)}; found {len(self.element)}", self.place
            )
        return self.dispatch(self.element[0], table)

    def dispatch(self, child: Element, table: Mapping[str, Callable[[Node], T]]) -> T:
        """Parse a child by the table's entry for its name.

        Raises:
            UnsupportedError: its name is not in the table.
        """
        parse = table.get(str(child.tag))
        if parse is None:
            raise self.unsupported(child)
        return parse(self._of(child))

    # --- attributes ---

    def has(self, name: str) -> bool:
        return self.element.get(name) is not None

    def raw(self, name: str) -> str:
        """The attribute as it stands, parameters not filled in."""
        value = self.element.get(name)
        if value is None:
            raise InputError(f"<{self.tag}> needs the attribute {name}", self.place)
        return str(value)

    def text(self, name: str, default: str | None = None) -> str:
        """The attribute with parameters filled in.

        Raises:
            InputError: missing without default, or an unknown parameter.
        """
        if default is not None and not self.has(name):
            return default
        return self.scope.resolve(self.raw(name), self.place)

    def number(
        self, name: str, default: float | None = None, *, least: float = -LARGEST, most: float = LARGEST
    ) -> float:
        """The attribute as a number within [least, most]; infinite only where the default is.

        Raises:
            InputError: missing without default, not a number, not finite, or out of range.
        """
        if default is not None and not self.has(name):
            return default
        text = self.text(name)
        try:
            value = math.nan if "_" in text else float(text)
        except ValueError:
            value = math.nan
        if default is not None and math.isinf(default) and value > 1e6:
            return default
        if not least <= value <= most:
            expected = "a finite number" if least == -LARGEST else f"a number of at least {least:g}"
            raise self.wrong(name, text, expected if most == LARGEST else f"a number from {least:g} to {most:g}")
        return value

    def integer(self, name: str, default: int | None = None) -> int:
        """The attribute as an integer.

        Raises:
            InputError: missing without default, or not an integer.
        """
        if default is not None and not self.has(name):
            return default
        value = self.number(name)
        if not value.is_integer():
            raise self.wrong(name, self.text(name), "an integer")
        return int(value)

    def boolean(self, name: str, default: bool | None = None) -> bool:
        """The attribute as a truth value.

        Raises:
            InputError: missing without default, or another text.
        """
        if default is not None and not self.has(name):
            return default
        text = self.text(name)
        if text not in ("true", "false", "1", "0"):
            raise self.wrong(name, text, "true or false")
        return text in ("true", "1")

    def choice(self, name: str, options: Collection[str], default: str | None = None) -> str:
        """The attribute as one of the options.

        Raises:
            InputError: missing without default, or another text.
        """
        text = self.text(name, default)
        if text not in options:
            raise self.wrong(name, text, "one of " + ", ".join(options))
        return text

    def wrong(self, name: str, text: str, expected: str) -> InputError:
        shown = text if len(text) <= 60 else text[:57] + "..."
        return InputError(f'<{self.tag}> has {name}="{shown}"; {expected} was expected', self.place)
