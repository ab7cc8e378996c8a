import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.annotators.networks import ModelError, Tensor
from include.annotators.pictures import Channels, Fit, Intake, Pixels, frame, input_size, picture_input
from tests.include.annotators.asked import RED, picture

SIDES = st.integers(1, 5000)
FLOAT = Tensor("images", np.dtype("float32"), (None, 3, None, None))


@given(picture=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES), fit=st.sampled_from(Fit), data=st.data())
def test_there_and_back_is_where_it_was(
    picture: tuple[int, int], size: tuple[int, int], fit: Fit, data: st.DataObject
) -> None:
    place = frame(picture, size, fit)
    corner = st.tuples(st.floats(0, picture[0]), st.floats(0, picture[1]))
    boxes = np.array([[*data.draw(corner), *data.draw(corner)]])
    there = place.to_input(boxes)
    assert (there >= -1e-9).all()
    assert (there <= np.array([*size, *size]) + 1e-6).all()
    np.testing.assert_allclose(place.to_picture(there), boxes, atol=1e-6)


@given(picture=st.tuples(SIDES, SIDES), size=st.tuples(SIDES, SIDES), fit=st.sampled_from(Fit))
def test_a_picture_lies_inside_and_fills_one_side(picture: tuple[int, int], size: tuple[int, int], fit: Fit) -> None:
    place = frame(picture, size, fit)
    assert place.left >= 0
    assert place.left + place.across <= size[0]
    assert place.top >= 0
    assert place.top + place.down <= size[1]
    assert place.across == size[0] or place.down == size[1]
    if fit is Fit.LETTERBOX:  # in the middle, up to a pixel
        assert abs(size[0] - place.across - 2 * place.left) <= 1
        assert abs(size[1] - place.down - 2 * place.top) <= 1


# Ultralytics' and YOLOX's own arithmetic: 1920 x 1080 in 640 x 640 is 640 x 360, with 140 rows of padding above
@pytest.mark.parametrize(("fit", "top"), [(Fit.LETTERBOX, 140), (Fit.CORNER, 0)])
def test_a_wide_picture_in_a_square(fit: Fit, top: int) -> None:
    place = frame((1920, 1080), (640, 640), fit)
    assert (place.left, place.top, place.across, place.down) == (0, top, 640, 360)


@pytest.mark.parametrize(
    ("settings", "pixel"),
    [
        ({}, (1, 0, 0)),
        ({"pixels": Pixels.BYTES}, (255, 0, 0)),
        ({"pixels": Pixels.BYTES, "channels": Channels.BGR}, (0, 0, 255)),
        ({"mean": (0.5, 0.25, 0), "std": (0.5, 0.25, 1)}, (1, -1, 0)),
    ],
)
def test_pixels_are_normalised(settings: dict[str, object], pixel: tuple[float, ...]) -> None:
    taken, _ = Intake(FLOAT, (4, 2), **settings).take(picture((8, 4), (RED, (0, 0, 8, 4))))  # type: ignore[arg-type]
    assert taken.shape == (3, 2, 4)
    assert taken.dtype == np.float32
    np.testing.assert_allclose(taken[:, 1, 3], pixel, atol=1e-6)


def test_padding_is_gray_114() -> None:
    taken, _ = Intake(FLOAT, (4, 4), Fit.LETTERBOX, Pixels.BYTES).take(picture((8, 4), (RED, (0, 0, 8, 4))))
    assert taken[:, :, 0].T.tolist() == [[114] * 3, [255, 0, 0], [255, 0, 0], [114] * 3]


def test_a_model_of_gray_pictures_is_given_gray() -> None:
    gray = Tensor("images", np.dtype("float32"), (None, 1, 4, 4))
    for fit in Fit:
        taken, _ = Intake(gray, (4, 4), fit, Pixels.BYTES).take(picture((4, 4), (RED, (0, 0, 4, 4))))
        assert taken.shape == (1, 4, 4)
        assert set(taken.ravel()) == {76}  # ITU-R 601: 299/1000 of red


def test_bytes_stay_bytes_with_the_channels_last() -> None:
    tensor = Tensor("images", np.dtype("uint8"), (1, 2, 4, 3))
    taken, _ = Intake(tensor, (4, 2)).take(picture((4, 2), (RED, (0, 0, 4, 2))))
    assert taken.dtype == np.uint8
    assert taken.tolist() == [[[255, 0, 0]] * 4] * 2
    assert Intake(tensor, (4, 2)).blank().shape == (2, 4, 3)


def test_the_size_is_the_models_or_stated_or_its_metadatas() -> None:
    assert input_size(Tensor("x", np.dtype("float32"), (1, 3, 48, 64)), {}, None) == (64, 48)
    assert input_size(Tensor("x", np.dtype("uint8"), (1, 48, 64, 3)), {}, None) == (64, 48)
    assert input_size(FLOAT, {}, (64, 48)) == (64, 48)
    assert input_size(FLOAT, {"imgsz": "[48, 64]"}, None) == (64, 48)
    assert input_size(FLOAT, {"imgsz": "[48, 64]"}, (32, 32)) == (32, 32)
    assert input_size(FLOAT, {"imgsz": "96"}, None) == (96, 96)
    with pytest.raises(ModelError, match="state input_size"):
        input_size(FLOAT, {"imgsz": "large"}, None)


def test_one_input_must_be_a_picture() -> None:
    words = Tensor("words", np.dtype("int64"), (None, 7))
    assert picture_input([words, FLOAT]) is FLOAT
    with pytest.raises(ModelError, match=r"must be a picture, of four dimensions; it takes words \[None, 7\]"):
        picture_input([words])


@pytest.mark.parametrize("shape", [(None, 4, 8, 8), (1, 8, 8, 4), (None, 2, None, None)])
def test_a_picture_has_one_channel_or_three(shape: tuple[int | None, ...]) -> None:
    with pytest.raises(ModelError, match=r"input images \[.*\] has neither 1 channel \(gray\) nor 3"):
        picture_input([Tensor("images", np.dtype("float32"), shape)])
    open_ = Tensor("images", np.dtype("float32"), (None, None, None, None))
    assert picture_input([open_]) is open_
