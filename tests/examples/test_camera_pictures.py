"""The contact sheet of the cameras is made by its example."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.full
def test_sheet_shows_all_weathers_and_cameras(tmp_path: Path) -> None:
    script = REPOSITORY / "examples" / "camera_pictures.py"
    words = [sys.executable, str(script), str(tmp_path / "sheet.jpg")]
    done = subprocess.run(words, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stderr
    assert "6 weathers, 5 cameras" in done.stdout
    assert 20_000 < (tmp_path / "sheet.jpg").stat().st_size < 400_000
