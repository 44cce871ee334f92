"""Strict XML: what is refused, and that each refusal names the place."""

from pathlib import Path

import pytest

from geometry.errors import InputError
from maps import strict_xml
from maps.strict_xml import boolean, child, choice, integer, number, place_of, read_xml, text


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "file.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_elements_know_their_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, "<?xml version='1.0'?>\n<a>\n\n<b x='1'/></a>")
    assert str(place_of(child(read_xml(path), "b"))) == f"{path}:4"


def test_places_survive_odd_file_names(tmp_path: Path) -> None:
    path = tmp_path / "straße 50%20 #1.xml"
    path.write_text("<a/>")
    assert place_of(read_xml(path)).file == str(path)


def test_byte_order_mark_comments_and_namespaces_are_harmless(tmp_path: Path) -> None:
    root = read_xml(write(tmp_path, b"\xef\xbb\xbf<a xmlns='urn:x'><!-- c --><?pi?><b/></a>"), root="a")
    assert [e.tag for e in root] == ["b"]


@pytest.mark.parametrize(
    "content",
    [
        "<!DOCTYPE a><a/>",
        '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
        '<!DOCTYPE a SYSTEM "http://example.invalid/a.dtd"><a/>',
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"),
    ],
)
def test_any_document_type_declaration_is_refused(tmp_path: Path, content: str | bytes) -> None:
    with pytest.raises(InputError, match="DTD"):
        read_xml(write(tmp_path, content))


def test_billion_laughs_in_attributes_is_refused_quickly(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 10))
    with pytest.raises(InputError):
        read_xml(write(tmp_path, f'<!DOCTYPE a [<!ENTITY e0 "lol">{levels}]><a x="&e9;">&e9;</a>'))


@pytest.mark.parametrize(
    "content", ["", "no xml", "<a>", "<a></b>", "<a>&nope;</a>", b"\xff\xfe\x00", b"<a>\xff</a>", b"\x00"]
)
def test_broken_xml_is_an_input_error_with_the_file(tmp_path: Path, content: str | bytes) -> None:
    path = write(tmp_path, content)
    with pytest.raises(InputError, match=r"file\.xml"):
        read_xml(path)


def test_missing_file_and_folder_are_input_errors(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.xml", Path("a\0b")):
        with pytest.raises(InputError):
            read_xml(path)


def test_nesting_is_bounded(tmp_path: Path) -> None:
    deepest = strict_xml.MAX_DEPTH
    assert read_xml(write(tmp_path, "<a>" * deepest + "</a>" * deepest)).tag == "a"
    for depth in (deepest + 1, 100_000):
        with pytest.raises(InputError):
            read_xml(write(tmp_path, "<a>" * depth + "</a>" * depth))


def test_element_attribute_and_byte_counts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strict_xml, "MAX_ELEMENTS", 100)
    monkeypatch.setattr(strict_xml, "MAX_ATTRIBUTES", 50)
    monkeypatch.setattr(strict_xml, "MAX_BYTES", 5000)
    for content in ("<a>" + "<b/>" * 300 + "</a>", "<a>" + "<b x=''/>" * 60 + "</a>", "<a>" + " " * 5000 + "</a>"):
        with pytest.raises(InputError, match=r"more than|bytes"):
            read_xml(write(tmp_path, content))


def test_another_root_element_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="<OpenDRIVE> was expected"):
        read_xml(write(tmp_path, "<OpenSCENARIO/>"), root="OpenDRIVE")


def test_typed_readers_give_values_and_defaults(tmp_path: Path) -> None:
    a = read_xml(write(tmp_path, '<a n=" 1.5e1" i="-3" t="x" b="true" z="0"/>'))
    assert (number(a, "n"), integer(a, "i"), text(a, "t"), boolean(a, "b"), boolean(a, "z")) == (
        15.0,
        -3,
        "x",
        True,
        False,
    )
    assert (number(a, "q", 2.0), integer(a, "q", 7), text(a, "q", ""), boolean(a, "q", False)) == (2.0, 7, "", False)
    assert choice(a, "t", {"x": 1}) == 1


@pytest.mark.parametrize("raw", ["nan", "inf", "-INF", "1_0", "1,5", "", "0x10", "${a}", "9" * 5000])
def test_what_is_no_finite_number_is_refused_by_name_value_and_line(tmp_path: Path, raw: str) -> None:
    a = read_xml(write(tmp_path, f'<a\n>\n<b speed="{raw}"/></a>'))[0]
    for reader in (number, integer):
        with pytest.raises(InputError, match=r'file\.xml:3: <b> has speed=".*expected'):
            reader(a, "speed")


def test_ranges_missing_attributes_and_unknown_options_are_refused(tmp_path: Path) -> None:
    a = read_xml(write(tmp_path, '<a n="-1"/>'))
    for read in (
        lambda: number(a, "n", least=0.0),
        lambda: integer(a, "n", least=0, most=3),
        lambda: boolean(a, "n"),
        lambda: choice(a, "n", {"p": 1, "q": 2}),
        lambda: number(a, "missing"),
        lambda: child(a, "missing"),
    ):
        with pytest.raises(InputError):
            read()
