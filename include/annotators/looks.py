"""What a picture looks like, from its pixels."""

import imagehash
import PIL.Image

from include.lifecycle.looks import Look

_SMALL = (128, 128)  # hashes of it differ from those of the whole in 2 of 64 bits at the most, and take a third as long
_GRID = (4, 4)


def look_of(picture: PIL.Image.Image) -> Look:
    """The look of an RGB picture: the perceptual hash of its frequencies (imagehash's phash), and as features the mean
    red, green and blue of each of 4 x 4 parts, row by row."""
    small = picture.resize(_SMALL, PIL.Image.Resampling.BOX)
    return Look(str(imagehash.phash(small)), small.resize(_GRID, PIL.Image.Resampling.BOX).tobytes())
