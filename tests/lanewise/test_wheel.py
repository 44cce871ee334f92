"""The wheel holds all that a drive needs: it drives outside the repository, without the repository on the path."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tracked files so that nothing else slips in."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = folder / "source"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("the wheel test needs a git checkout")
    for name in filter(None, listed.stdout.split("\0")):
        if not (REPOSITORY / name).is_file():
            continue
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((REPOSITORY / name).read_bytes())
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(copy),
    ]
    done = subprocess.run(build, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_scenarios_maps_and_the_report(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for needed in ("lanewise/scenarios/cut-in.xosc", "lanewise/scenarios/maps/highway_straight.xodr"):
        assert needed in names
    assert any(name.startswith("lanewise/report/") and name.endswith(".js") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


@pytest.mark.full
def test_the_wheel_drives_the_demo_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    (site,) = environment.glob("lib/python*/site-packages")
    zipfile.ZipFile(wheel).extractall(site)
    # The libraries come from here; a path file inside that folder (the editable install) is not read this way.
    (site / "libraries.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    outside = tmp_path / "outside"
    outside.mkdir()
    variables = {**os.environ, "LANEWISE_CACHE": str(tmp_path / "cache")}
    variables.pop("PYTHONPATH", None)
    python = environment / "bin" / "python"
    done = subprocess.run(
        [python, "-m", "lanewise", "demo"], cwd=outside, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cut-in: PASS" in done.stdout
    assert list(outside.glob("runs/*/report.html"))
    where = subprocess.run(
        [python, "-c", "import lanewise; print(lanewise.__file__)"], cwd=outside, env=variables, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert str(environment) in where.stdout
