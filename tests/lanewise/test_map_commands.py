"""`lanewise map`: drawings show the roads, defects set the exit code, converted maps are the same."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from geometry.errors import InputError
from lanewise.map_commands import app, read_map
from lanewise.report.palette import LIGHT, rgb
from lanewise.scenarios.catalog import FOLDER
from maps.opendrive import read_opendrive

MERGE = FOLDER / "maps" / "highway_merge.xodr"


def run(*words: object) -> Result:
    result = CliRunner().invoke(app, [str(word) for word in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_a_picture_shows_the_lanes_where_they_are(tmp_path: Path) -> None:
    target = tmp_path / "map.png"
    assert "driving lanes" in run("show", MERGE, "--out", target, "--width", 1200).stdout
    image = cv2.cvtColor(cv2.imread(str(target)), cv2.COLOR_BGR2RGB)
    assert image.shape[1] == 1200
    share = (image == rgb(LIGHT["lane"])).all(axis=2).mean()
    assert 0.003 < share < 0.8


def test_a_page_names_every_lane_and_loads_nothing(tmp_path: Path) -> None:
    target = tmp_path / "map.html"
    run("show", MERGE, "--out", target)
    text = target.read_text()
    assert "1:0:-2 (driving)" in text
    assert "http" not in text.replace("http-equiv", "")


def test_check_exits_with_1_only_where_there_are_defects(tmp_path: Path) -> None:
    sound = run("check", MERGE)
    assert (sound.exit_code, sound.stdout.strip()) == (0, f"{MERGE}: no defects")
    broken = tmp_path / "broken.xodr"
    broken.write_bytes(MERGE.read_bytes().replace(b'elementId="100"', b'elementId="77"', 1))
    result = run("check", broken)
    assert result.exit_code == 1
    assert "77, which does not exist" in result.stdout


def test_a_converted_map_is_the_same_map(tmp_path: Path) -> None:
    target = tmp_path / "again.xodr"
    run("convert", MERGE, target)
    one, two = read_opendrive(MERGE), read_opendrive(target)
    assert list(one.roads) == list(two.roads)
    assert one.links == two.links
    with pytest.raises(InputError, match="exists already"):
        run("convert", MERGE, target)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("show", "none.xodr"), "none.xodr"),
        (("show", MERGE, "--out", "map.jpeg"), "ends in .html or .png"),
        (("check", "map.shp"), "an OpenDRIVE file"),
        (("convert", MERGE, "map.txt"), "ends in .xodr"),
    ],
)
def test_wrong_names_are_refused(words: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        run(*words)


def test_lanelet2_maps_are_shown_like_any_other(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "map.html"
    said = run("show", data / "maps" / "lanelet2" / "Lanelet2__mapping_example.osm", "--out", target).stdout
    assert "388 driving lanes of 431" in said
    assert "45048 (biking)" in target.read_text()


def test_check_looks_at_lanelet2_maps_too(data: Path) -> None:
    folder = data / "maps" / "lanelet2"
    assert run("check", folder / "scenario_simulator_v2__intersection.osm").exit_code == 0
    result = run("check", folder / "Lanelet2__mapping_example.osm")
    assert result.exit_code == 1
    assert "lane 45554 at s = 5.05 m: meets lane 45558 at an angle of 54 degrees [kink]" in result.stdout


def test_match_names_the_lanes_of_a_trajectory_and_writes_them(tmp_path: Path) -> None:
    lane_map = read_map(MERGE)
    lane = lane_map.index("1:0:-2")
    places = lane_map.centre(lane).position(np.arange(0.0, 100.0, 2.0))
    table = tmp_path / "way.csv"
    rows = [f"{0.1 * k},{x},{y}" for k, (x, y) in enumerate(places)]
    table.write_text("\n".join(("t,x,y", *rows, "")))
    target = tmp_path / "lanes.csv"
    assert "lane 1:0:-2" in run("match", MERGE, table, "--out", target).stdout
    written = target.read_text().splitlines()
    assert written[0] == "t,lane,s,d,probability"
    assert len(written) == 51
    assert written[1].startswith("0.000000,1:0:-2,0.000,")


def test_match_says_what_is_wrong_with_a_table(tmp_path: Path) -> None:
    table = tmp_path / "way.csv"
    table.write_text("t,x\n0,1\n")
    with pytest.raises(InputError, match=r"way\.csv.*missing: y"):
        run("match", MERGE, table)
    table.write_text("t,x,y\n0,1,a\n")
    with pytest.raises(InputError, match="table of numbers"):
        run("match", MERGE, table)
