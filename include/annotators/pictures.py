"""Pictures as networks take them: resized, normalised, laid out; and the way back to the picture's pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import cv2
import numpy as np
import PIL.Image
from pydantic import BaseModel, ConfigDict, Field

from include.annotators.metadata import stated_size
from include.annotators.networks import Array, ModelError, Tensor

_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Divisor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_GRAY = 114  # what YOLO's and YOLOX's training pads with


class Fit(StrEnum):
    """How a picture gets the input's size."""

    STRETCH = "stretch"  # each side on its own
    LETTERBOX = "letterbox"  # both sides alike, in the middle of gray
    CORNER = "corner"  # both sides alike, in the upper left corner of gray


class Pixels(StrEnum):
    """What the values of a pixel are."""

    UNIT = "0-1"
    BYTES = "0-255"


class Channels(StrEnum):
    RGB = "rgb"
    BGR = "bgr"


class InputSettings(BaseModel):
    """How pictures are given to the model; what is not set follows from the model's form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input_size: tuple[int, int] | None = Field(
        None, description="Width and height of the model's input; needed where the model leaves them open."
    )
    fit: Fit | None = Field(None, description="stretch, letterbox (in the middle) or corner (letterbox, upper left).")
    pixels: Pixels | None = Field(None, description="0-1 or 0-255: the range of the model's input.")
    channels: Channels | None = Field(None, description="rgb or bgr.")
    mean: tuple[_Finite, _Finite, _Finite] = Field(
        (0, 0, 0), description="Subtracted from the pixels, by channel as given."
    )
    std: tuple[_Divisor, _Divisor, _Divisor] = Field((1, 1, 1), description="Then divided by, by channel as given.")


@dataclass(frozen=True, slots=True)
class Frame:
    """Where a picture lies in an input: at `left`, `top`, with `across` x `down` pixels, the picture's own being
    `width` x `height`."""

    width: int
    height: int
    left: int
    top: int
    across: int
    down: int

    def to_input(self, boxes: Array) -> Array:
        """Boxes [n, 4] (left, top, right, bottom) of the picture, in the input's pixels."""
        return boxes * self._scale() + self._offset()

    def to_picture(self, boxes: Array) -> Array:
        """Boxes [n, 4] (left, top, right, bottom) of the input, in the picture's pixels; not clipped."""
        return (boxes - self._offset()) / self._scale()

    def _scale(self) -> Array:
        x, y = self.across / self.width, self.down / self.height
        return np.array([x, y, x, y])

    def _offset(self) -> Array:
        return np.array([self.left, self.top, self.left, self.top])


def frame(picture: tuple[int, int], size: tuple[int, int], fit: Fit) -> Frame:
    """How a picture of a width and height lies in an input of that size."""
    (width, height), (wide, high) = picture, size
    if fit is Fit.STRETCH:
        return Frame(width, height, 0, 0, wide, high)
    scale = min(wide / width, high / height)
    across, down = (max(1, round(side * scale)) for side in picture)
    if fit is Fit.CORNER:
        return Frame(width, height, 0, 0, across, down)
    return Frame(width, height, (wide - across) // 2, (high - down) // 2, across, down)


@dataclass(frozen=True, slots=True)
class Intake:
    """A network's input for pictures, and how one is made into it."""

    tensor: Tensor
    size: tuple[int, int]  # width, height
    fit: Fit = Fit.STRETCH
    pixels: Pixels = Pixels.UNIT
    channels: Channels = Channels.RGB
    mean: tuple[float, ...] = (0, 0, 0)
    std: tuple[float, ...] = (1, 1, 1)

    def take(self, picture: PIL.Image.Image) -> tuple[Array, Frame]:
        """An RGB picture as the input without its batch, and where it lies there."""
        place = frame(picture.size, self.size, self.fit)
        gray = self._count() == 1
        pixels = self._placed(picture.convert("L" if gray else "RGB"), place)
        if self.channels is Channels.BGR and not gray:
            pixels = pixels[:, :, ::-1]
        if self.tensor.dtype != np.uint8:  # a network of bytes normalises by itself
            pixels = self._normalised(pixels)
        pixels = pixels if _channels_last(self.tensor) else pixels.transpose(2, 0, 1)
        return np.ascontiguousarray(pixels, self.tensor.dtype), place

    def blank(self) -> Array:
        """An input of zeros, without its batch."""
        wide, high = self.size
        count = self._count()
        return np.zeros((high, wide, count) if _channels_last(self.tensor) else (count, high, wide), self.tensor.dtype)

    def _placed(self, picture: PIL.Image.Image, place: Frame) -> Array:
        """The picture in an input of bytes [height, width, channels], resized as the models' own code does: with
        antialiasing where it is stretched (torchvision), without where it is letterboxed (OpenCV)."""
        wide, high = self.size
        if self.fit is Fit.STRETCH:
            whole = picture if picture.size == self.size else picture.resize(self.size, PIL.Image.Resampling.BILINEAR)
            return _three(np.asarray(whole))
        pixels = cv2.resize(np.asarray(picture), (place.across, place.down), interpolation=cv2.INTER_LINEAR)
        pixels = _three(pixels)
        canvas = np.full((high, wide, pixels.shape[2]), _GRAY, np.uint8)
        canvas[place.top : place.top + place.down, place.left : place.left + place.across] = pixels
        return canvas

    def _count(self) -> int:
        return (self.tensor.shape[-1] if _channels_last(self.tensor) else self.tensor.shape[1]) or 3

    def _normalised(self, pixels: Array) -> Array:
        values = pixels.astype(np.float32)
        if self.pixels is Pixels.UNIT:
            values /= 255
        count = pixels.shape[2]
        if any(self.mean):
            values -= np.asarray(self.mean[:count], np.float32)
        if set(self.std) != {1}:
            values /= np.asarray(self.std[:count], np.float32)
        return values


def input_size(tensor: Tensor, metadata: Mapping[str, str], stated: tuple[int, int] | None) -> tuple[int, int]:
    """Width and height of the input: the model's own, else as stated, else as its metadata says. Raises
    ModelError where there is none, or the stated one is not the model's."""
    height, width = tensor.shape[1:3] if _channels_last(tensor) else tensor.shape[2:4]
    own = (width, height)
    if stated and any(side not in (None, said) for side, said in zip(own, stated, strict=True)):
        raise ModelError(
            f"the model's input is {width} x {height} pixels, and input_size says {stated[0]} x {stated[1]}"
        )
    if width and height:
        return width, height
    if stated:
        return stated
    if said := stated_size(metadata):
        return said
    raise ModelError("the model takes pictures of any size: state input_size, its width and height")


def picture_input(inputs: Sequence[Tensor]) -> Tensor:
    """The input that takes pictures: the one of four dimensions. Raises ModelError where there is not one, or where it
    takes neither gray (one channel) nor colours (three)."""
    found = [tensor for tensor in inputs if len(tensor.shape) == 4]
    if len(found) != 1:
        shapes = ", ".join(f"{tensor.name} {list(tensor.shape)}" for tensor in inputs)
        raise ModelError(f"one input of the model must be a picture, of four dimensions; it takes {shapes}")
    (picture,) = found
    channels = picture.shape[3] if _channels_last(picture) else picture.shape[1]
    if channels not in (None, 1, 3):
        shape = f"{picture.name} {list(picture.shape)}"
        raise ModelError(
            f"the model's input {shape} has neither 1 channel (gray) nor 3, as its second or last dimension"
        )
    return picture


def _channels_last(tensor: Tensor) -> bool:
    return tensor.shape[1] not in (1, 3) and tensor.shape[3] in (1, 3)


def _three(pixels: Array) -> Array:
    return pixels if pixels.ndim == 3 else pixels[:, :, None]
