"""Strict XML reading for maps and scenarios: what comes from outside is refused early, with file and line.

In: a path. Out: the root of an lxml tree without comments, processing instructions and namespaces, whose nodes know
file and line. Any document type declaration is refused (entities are the classic way to make a small file huge or to
read other files), and size, number of elements and attributes, and nesting are bounded, so that no file costs more than
a few hundred megabytes or seconds. The attribute readers give typed values or an `InputError` that names the attribute.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from lxml import etree

from geometry.errors import InputError, Place

MAX_BYTES = 64 * 2**20
MAX_ELEMENTS = 500_000
MAX_ATTRIBUTES = 1_500_000
"""The tree takes about 250 bytes per attribute."""
MAX_DEPTH = 200
_MAX_INTEGER = 2**53

Element = etree._Element
T = TypeVar("T")

_too_deep = etree.XPath("boolean(" + "/*" * (MAX_DEPTH + 1) + ")")


def read_xml(path: Path, root: str | None = None) -> Element:
    """The root element of the file.

    Args:
        path: the file; UTF-8 (a byte order mark is fine) or what its XML declaration says.
        root: the root element's expected name, where only one makes sense.

    Raises:
        InputError: missing or unreadable file, not XML, a DTD, too large, too deep, or another root element.
    """
    content = _read_bounded(path)
    parser = etree.XMLParser(
        resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        element = etree.fromstring(content, parser, base_url=str(path))
    except etree.XMLSyntaxError as error:
        line = error.lineno or None
        raise InputError(
            f"not well-formed XML: {error.msg}; repair or export the file again", Place(str(path), line)
        ) from None
    except ValueError as error:
        raise InputError(f"not readable as XML: {error}", path) from None
    _check_tree(element, path, root)
    return element


def _read_bounded(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError("is a folder; an XML file was expected", path)
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise InputError(f"has {size} bytes; at most {MAX_BYTES} are read", path)
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot be read ({reason}); check the path", path) from None
    if len(content) > MAX_BYTES:
        raise InputError(f"has more than {MAX_BYTES} bytes", path)
    # Every element needs a '<' and every attribute a '=' (end tags make it up to two '<' per element): cheap upper
    # bounds that hold in any encoding, checked before a tree is built.
    if content.count(b"<") > 2 * MAX_ELEMENTS:
        raise InputError(f"has more than {MAX_ELEMENTS} elements", path)
    if content.count(b"=") > MAX_ATTRIBUTES:
        raise InputError(f"has more than {MAX_ATTRIBUTES} attributes", path)
    return content


def _check_tree(element: Element, path: Path, root: str | None) -> None:
    docinfo = element.getroottree().docinfo
    if docinfo.internalDTD is not None or docinfo.externalDTD is not None:
        raise InputError("has a document type declaration (DTD), which is refused; remove it", path)
    if _too_deep(element.getroottree()):
        raise InputError(f"nests elements deeper than {MAX_DEPTH} levels", path)
    _strip_namespaces(element)
    if root is not None and element.tag != root:
        raise InputError(f"the root element is <{element.tag}>; <{root}> was expected", place_of(element))


def _strip_namespaces(root: Element) -> None:
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag[0] == "{":
            element.tag = element.tag.rpartition("}")[2]


def place_of(element: Element) -> Place:
    """File and line of an element."""
    line: int | None = element.sourceline  # type: ignore[assignment]
    return Place(str(element.getroottree().docinfo.URL or "<xml>"), line)


def child(element: Element, tag: str) -> Element:
    """The first child of that name.

    Raises:
        InputError: there is none.
    """
    found = element.find(tag)
    if found is None:
        raise InputError(f"<{element.tag}> needs a <{tag}> element", place_of(element))
    return found


def text(element: Element, name: str, default: str | None = None) -> str:
    """The attribute as it stands.

    Raises:
        InputError: it is missing and there is no default.
    """
    value = element.get(name, default)
    if value is None:
        raise InputError(f"<{element.tag}> needs the attribute {name}", place_of(element))
    return str(value)


def number(
    element: Element, name: str, default: float | None = None, *, least: float = -math.inf, most: float = math.inf
) -> float:
    """The attribute as a finite number within [least, most].

    Raises:
        InputError: missing without default, not a number, not finite, or out of range.
    """
    raw = element.get(name)
    if raw is None and default is not None:
        return default
    raw = text(element, name)
    try:
        value = math.nan if "_" in raw else float(raw)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise _wrong(element, name, raw, "a finite number")
    if not least <= value <= most:
        raise _wrong(element, name, raw, _range(least, most, "a number"))
    return value


def integer(
    element: Element, name: str, default: int | None = None, *, least: int = -_MAX_INTEGER, most: int = _MAX_INTEGER
) -> int:
    """The attribute as an integer within [least, most].

    Raises:
        InputError: missing without default, not an integer, or out of range.
    """
    raw = element.get(name)
    if raw is None and default is not None:
        return default
    raw = text(element, name)
    try:
        value = None if "_" in raw else int(raw)
    except ValueError:
        value = None
    if value is None or not -_MAX_INTEGER <= value <= _MAX_INTEGER:
        raise _wrong(element, name, raw, "an integer")
    if not least <= value <= most:
        raise _wrong(element, name, raw, _range(least, most, "an integer"))
    return value


def boolean(element: Element, name: str, default: bool | None = None) -> bool:
    """The attribute as a truth value: true, false, 1 or 0.

    Raises:
        InputError: missing without default, or another text.
    """
    raw = element.get(name)
    if raw is None and default is not None:
        return default
    return choice(element, name, {"true": True, "1": True, "false": False, "0": False})


def choice(element: Element, name: str, options: Mapping[str, T], default: T | None = None) -> T:
    """The option that the attribute names.

    Raises:
        InputError: missing without default, or not among the options (which the message lists).
    """
    raw = element.get(name)
    if raw is None and default is not None:
        return default
    raw = text(element, name)
    if raw not in options:
        raise _wrong(element, name, raw, "one of " + ", ".join(options))
    return options[raw]


def _wrong(element: Element, name: str, raw: str, expected: str) -> InputError:
    shown = raw if len(raw) <= 60 else raw[:57] + "..."
    return InputError(f'<{element.tag}> has {name}="{shown}"; {expected} was expected', place_of(element))


def _range(least: float, most: float, kind: str) -> str:
    if math.isinf(most) or most == _MAX_INTEGER:
        return f"{kind} >= {least:g}"
    return f"{kind} from {least:g} to {most:g}"
