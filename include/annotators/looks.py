"""What a picture looks like, from its pixels."""

import numpy as np
import PIL.Image

from include.lifecycle.looks import Look

_SMALL = (128, 128)  # hashes of it differ from those of the whole in 2 of 64 bits at the most, and take a third as long
_GRID = (4, 4)
# The 8 lowest frequencies of 32 values: rows of the matrix of the discrete cosine transform (type II)
_COSINES = np.cos(np.outer(np.arange(8), 2 * np.arange(32) + 1) * (np.pi / 64))


def look_of(picture: PIL.Image.Image) -> Look:
    """The look of an RGB picture: the perceptual hash of its frequencies (as imagehash's phash, without SciPy in every
    worker), and as features the mean red, green and blue of each of 4 x 4 parts, row by row."""
    small = picture.resize(_SMALL, PIL.Image.Resampling.BOX, reducing_gap=2)
    return Look(_hash(small), small.resize(_GRID, PIL.Image.Resampling.BOX).tobytes())


def _hash(picture: PIL.Image.Image) -> str:
    """One bit for each of the 8 x 8 lowest frequencies: whether it is above their median."""
    gray = np.asarray(picture.convert("L").resize((32, 32), PIL.Image.Resampling.LANCZOS), np.float64)
    low = (_COSINES @ gray @ _COSINES.T).round(6)  # of a plain picture all but the first are 0, not noise
    return np.packbits(low > np.median(low)).tobytes().hex()
