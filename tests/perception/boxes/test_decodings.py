"""What each family of nets says of one box is read as that box."""

import math

import numpy as np
import pytest

from geometry.errors import ContractError, InputError
from perception.boxes.decodings import DECODINGS, boxes_of, suppressed
from perception.boxes.form import Boxes, Fit, NetForm, fitted

SIZE, CLASSES, CAR = 128, 4, 2
BOX = (30.0, 44.0, 75.0, 68.0)
WHOLE = Fit((0.0, 0.0), (1.0, 1.0))


def form(decoding: str, **changes: object) -> NetForm:
    return NetForm(decoding=decoding, width=SIZE, height=SIZE, classes={"2": "car", "0": "pedestrian"}, **changes)  # type: ignore[arg-type]


def centre_size() -> tuple[float, float, float, float]:
    left, top, right, bottom = BOX
    return 0.5 * (left + right), 0.5 * (top + bottom), right - left, bottom - top


def cells(strides: tuple[int, ...]) -> list[tuple[int, int, int]]:
    return [(u, v, s) for s in strides for v in range(SIZE // s) for u in range(SIZE // s)]


def said_by_yolov5(score: float) -> np.ndarray:
    rows = np.zeros((60, 5 + CLASSES))
    rows[17] = (*centre_size(), score, 0, 0, 1, 0)
    return rows


def said_by_yolov8(score: float) -> np.ndarray:
    columns = np.zeros((4 + CLASSES, 60))
    columns[:, 17] = (*centre_size(), 0, 0, score, 0)
    return columns


def said_by_yolox(score: float) -> np.ndarray:
    grid = cells((8, 16, 32))
    x, y, width, height = centre_size()
    row = grid.index((int(x // 16), int(y // 16), 16))
    rows = np.zeros((len(grid), 5 + CLASSES))
    rows[:, 2:4] = 1.0
    rows[row] = (x / 16 - x // 16, y / 16 - y // 16, math.log(width / 16), math.log(height / 16), score, 0, 0, 1, 0)
    return rows


def said_by_nanodet(score: float) -> np.ndarray:
    grid = cells((8, 16, 32))
    row = grid.index((3, 3, 16))
    away = np.array((48 - BOX[0], 48 - BOX[1], BOX[2] - 48, BOX[3] - 48)) / 16
    rows = np.zeros((len(grid), CLASSES + 32))
    rows[row, CAR] = score
    for edge, distance in enumerate(away):
        share = np.full(8, 1e-9)
        share[int(distance)], share[int(distance) + 1] = 1.0 - distance % 1, distance % 1
        rows[row, CLASSES + 8 * edge : CLASSES + 8 * edge + 8] = np.log(np.maximum(share, 1e-9))
    return rows


def said_by_fastestdet(score: float) -> np.ndarray:
    planes = np.zeros((5 + CLASSES, 8, 8))
    x, y, width, height = centre_size()
    u, v = int(x // 16), int(y // 16)
    logit = lambda share: math.log(share / (1.0 - share))  # noqa: E731
    planes[:5, v, u] = (
        score,
        math.atanh(x / 16 - u),
        math.atanh(y / 16 - v),
        logit(width / SIZE),
        logit(height / SIZE),
    )
    planes[5 + CAR, v, u] = score
    return planes


def said_by_end_to_end(score: float) -> np.ndarray:
    rows = np.zeros((30, 6))
    rows[4] = (*BOX, score, CAR)
    return rows


SAID = {name: globals()[f"said_by_{name.replace('-', '_')}"] for name in DECODINGS}


@pytest.mark.parametrize("decoding", list(DECODINGS))
def test_the_box_that_a_net_says_is_read(decoding: str) -> None:
    found = boxes_of(SAID[decoding](0.8)[None], form(decoding), WHOLE)
    assert found.names == ("car",)
    assert found.score == pytest.approx([0.8], abs=1e-6)
    np.testing.assert_allclose(found.edges_px, [BOX], atol=1e-3)


@pytest.mark.parametrize("decoding", list(DECODINGS))
def test_what_is_unlikely_or_not_asked_for_is_left_out(decoding: str) -> None:
    assert not boxes_of(SAID[decoding](0.2)[None], form(decoding), WHOLE).names
    other = NetForm(decoding=decoding, width=SIZE, height=SIZE, classes={"1": "cyclist"})
    assert not boxes_of(SAID[decoding](0.8)[None], other, WHOLE).names


@pytest.mark.parametrize("decoding", list(DECODINGS))
def test_an_output_of_another_family_is_refused_with_its_shape(decoding: str) -> None:
    with pytest.raises(InputError, match=r"shape \[3, 2, 2, 2\]"):
        boxes_of(np.zeros((1, 3, 2, 2, 2)), form(decoding), WHOLE)
    with pytest.raises(InputError, match="one picture"):
        boxes_of(np.zeros((2, 4, 4)), form(decoding), WHOLE)


def test_grids_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(InputError, match="a cell of each grid"):
        boxes_of(said_by_yolox(0.8)[None, :-1], form("yolox"), WHOLE)


def test_a_second_box_of_the_same_object_goes_and_a_neighbour_stays() -> None:
    edges = np.array([(0, 0, 10, 10), (1, 0, 11, 10), (9, 0, 19, 10), (3, 2, 13, 12)], float)
    kept = suppressed(edges, np.array([0.6, 0.9, 0.5, 0.4]), np.array([1, 1, 1, 0]), 0.4)
    assert kept.tolist() == [1, 2, 3]


def test_a_car_that_is_also_called_a_lorry_is_one_object() -> None:
    edges = np.array([(0, 0, 100, 80), (2, 1, 99, 79)], float)
    assert suppressed(edges, np.array([0.6, 0.7]), np.array([2, 7]), 0.45).tolist() == [1]


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
@pytest.mark.parametrize("size", [(540, 960), (960, 540), (128, 128)])
def test_a_mark_in_the_picture_is_found_where_it_was(fit: str, size: tuple[int, int]) -> None:
    image = np.zeros((*size, 3), np.uint8)
    left, top, right, bottom = size[1] // 4, size[0] // 3, size[1] // 2, size[0] // 2
    image[top:bottom, left:right] = 255
    values, way = fitted(image, form("yolov5", fit=fit, mean=(0.0,) * 3, scale=(1.0,) * 3))
    assert values.shape == (1, 3, SIZE, SIZE)
    v, u = np.nonzero(values[0, 0] > 150)
    back = way.whole(np.array([[u.min(), v.min(), u.max() + 1, v.max() + 1]], float))
    np.testing.assert_allclose(back, [(left, top, right, bottom)], atol=max(size) / SIZE)


def test_colours_layout_and_scale_are_those_of_the_form() -> None:
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    image[..., 0] = 100
    bgr, _ = fitted(image, form("yolov5", colours="bgr", layout="nhwc", mean=(0.0, 0.0, 50.0), scale=(1.0, 1.0, 2.0)))
    assert bgr.shape == (1, SIZE, SIZE, 3)
    assert bgr[0, 5, 5].tolist() == [0.0, 0.0, 100.0]


@pytest.mark.parametrize(
    "wrong",
    [{"classes": {}}, {"classes": {"x": "car"}}, {"classes": {"1": "ship"}}, {"layout": "hwc"}, {"least_score": 1.0},
     {"width": 3}, {"heights_m": {"car": 0.0}}, {"fit": "crop"}, {"strides": (0,)}],
)  # fmt: skip
def test_a_form_that_makes_no_sense_is_refused(wrong: dict[str, object]) -> None:
    given: dict[str, object] = {"decoding": "yolov5", "width": SIZE, "height": SIZE, "classes": {"1": "car"}}
    with pytest.raises(ContractError):
        NetForm(**given | wrong)  # type: ignore[arg-type]


def test_boxes_need_known_names_and_finite_edges() -> None:
    with pytest.raises(ContractError, match="'ship' is unknown"):
        Boxes(("ship",), np.ones(1), np.zeros((1, 4)))
    with pytest.raises(ContractError, match="finite"):
        Boxes(("car",), np.ones(1), np.full((1, 4), np.nan))
