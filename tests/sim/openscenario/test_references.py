"""Files that a scenario refers to: the nearest sufficient root, at most four up, and nothing beyond it."""

from pathlib import Path

import pytest

from geometry.errors import InputError, Place
from sim.scenarios.references import Reference, References

HERE = Place("scenario.xosc", 3)


def references(scenario: Path, *texts: str, root: Path | None = None) -> References:
    return References.of(scenario, tuple(Reference(text, HERE) for text in texts), root)


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "a" / "b" / "c" / "d" / "e" / "f" / "scenario.xosc"
    path.parent.mkdir(parents=True)
    path.touch()
    return path


def test_the_root_is_the_nearest_folder_that_holds_everything(scenario: Path) -> None:
    assert references(scenario, "map.xodr").root == scenario.parent
    assert references(scenario, "map.xodr", "../cars").root == scenario.parents[1]
    assert references(scenario, "../../maps/x.xodr", "../cars").root == scenario.parents[2]
    assert references(scenario, "x/../../map.xodr").root == scenario.parents[1]


def test_four_folders_up_are_the_limit(scenario: Path) -> None:
    assert references(scenario, "../../../../map.xodr").root == scenario.parents[4]
    with pytest.raises(InputError, match="leads out of"):
        references(scenario, "../../../../../map.xodr")


def test_a_given_root_holds_and_may_be_wider(scenario: Path) -> None:
    wide = scenario.parents[5]
    assert references(scenario, "../../../../../map.xodr", root=wide).root == wide
    with pytest.raises(InputError, match="leads out of"):
        references(scenario, "../map.xodr", root=scenario.parent)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("/etc/passwd", "absolute"), ("C:\\maps\\x.xodr", "absolute"), ("\\\\server\\x", "absolute"), ("", "empty"),
     ("a\0b", "NUL")],
)  # fmt: skip
def test_absolute_and_empty_paths_are_refused(scenario: Path, text: str, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        references(scenario, text)


def test_backslashes_separate_folders_too(scenario: Path) -> None:
    target = scenario.parent / "maps" / "x.xodr"
    target.parent.mkdir()
    target.touch()
    found = references(scenario, "maps\\x.xodr").existing_file(Reference("maps\\x.xodr", HERE), "the map")
    assert found == target.resolve()


def test_links_out_of_the_root_and_missing_files_are_refused(scenario: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.xodr"
    outside.touch()
    (scenario.parent / "link.xodr").symlink_to(outside)
    resolver = references(scenario, "map.xodr")
    with pytest.raises(InputError, match="leads out of"):
        resolver.resolve(Reference("link.xodr", HERE))
    with pytest.raises(InputError, match=r"scenario.xosc:3: the map 'map.xodr' does not exist"):
        resolver.existing_file(Reference("map.xodr", HERE), "the map")
