"""`--detector`: what users bring is found, fed and run, or refused in one sentence."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from geometry.errors import InputError
from lanewise.config import RunConfig, StackChoice
from lanewise.detectors import FORMS, detector_of, form_of, nets_of
from lanewise.inferring import inferring, server_of
from lanewise.stack import camera_nodes
from perception.boxes.decodings import check_decoding
from perception.boxes.detector import Detector, NetDetector

DATA = Path(os.environ.get("LANEWISE_DATA", "../shared/data"))
FASTEST = DATA / "models" / "FastestDet.onnx"
STILLS = DATA / "camera" / "udacity" / "test_images"
real = pytest.mark.skipif(not FASTEST.exists() or not STILLS.exists(), reason=f"needs {FASTEST} and {STILLS}")


def chosen(detector: str, form: str = "") -> RunConfig:
    return RunConfig(stack=StackChoice(perception="camera", detector=detector, detector_form=form))


def made(config: RunConfig) -> Detector:
    return detector_of(config, inferring(server_of(config.inference, nets_of(config)), "detector"))


@pytest.mark.parametrize("name", sorted(path.stem for path in FORMS.glob("*.toml")))
def test_every_shipped_form_is_sound(name: str) -> None:
    check_decoding(form_of(Path("net.onnx"), name))


@real
def test_a_third_partys_net_finds_the_cars_of_real_pictures() -> None:
    detector = made(chosen(str(FASTEST), "fastestdet"))
    assert isinstance(detector, NetDetector)
    picture = cv2.cvtColor(cv2.imread(str(STILLS / "solidYellowCurve.jpg")), cv2.COLOR_BGR2RGB)
    found = detector.boxes(picture)
    best = int(found.score.argmax())
    assert found.names[best] in ("car", "truck")
    # The one car near by, measured by hand on the picture.
    np.testing.assert_allclose(found.edges_px[best], (836, 288, 932, 352), atol=8.0)


@real
def test_a_form_that_promises_another_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"its form promises one input of \[1, 3, 640, 640\]"):
        made(chosen(str(FASTEST), "yolov8"))


@real
def test_a_net_without_a_form_is_told_which_there_are() -> None:
    with pytest.raises(InputError, match="fastestdet, nanodet-plus"):
        made(chosen(str(FASTEST)))


def test_a_form_beside_the_net_is_found_and_its_mistakes_are_named(tmp_path: Path) -> None:
    beside = tmp_path / "own.toml"
    beside.write_text('decoding = "yolov5"\nwidth = 320\nheight = 320\n[classes]\n2 = "car"\n')
    assert form_of(tmp_path / "own.onnx").width == 320
    beside.write_text('decoding = "yolov5"\nwidht = 320\n')
    with pytest.raises(InputError, match="unknown key widht; known are decoding, width"):
        form_of(tmp_path / "own.onnx")
    beside.write_text("decoding = ")
    with pytest.raises(InputError, match="not valid TOML"):
        form_of(tmp_path / "own.onnx")


def test_a_class_from_a_file_becomes_the_detector_of_a_stack(tmp_path: Path) -> None:
    (tmp_path / "blind.py").write_text(
        "import numpy as np\nfrom perception.boxes.form import Boxes\n\n\nclass Blind:\n"
        "    def detect(self, image, camera):\n        return Boxes((), np.zeros(0), np.zeros((0, 4)))\n\n\n"
        "class Nothing:\n    pass\n"
    )
    config = chosen(f"{tmp_path / 'blind.py'}:Blind")
    server = server_of(config.inference, nets_of(config))
    assert camera_nodes(config, server)[0].outputs == ("/perception/objects",)
    with pytest.raises(InputError, match=r"no method detect\(image, camera\)"):
        made(chosen(f"{tmp_path / 'blind.py'}:Nothing"))
    with pytest.raises(InputError, match="has no class Ghost"):
        made(chosen(f"{tmp_path / 'blind.py'}:Ghost"))


@pytest.mark.parametrize(
    ("name", "word"),
    [("mine", "was expected"), ("no/such/file.py:A", "no such file"),
     ("no_such_module:A", "cannot load the detector's"), ("gone.onnx", "cannot read the model")],
)  # fmt: skip
def test_what_is_no_detector_is_refused(name: str, word: str) -> None:
    with pytest.raises(InputError, match=word):
        made(chosen(name, "yolov5"))
