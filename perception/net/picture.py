"""How a camera's picture becomes the net's: the middle of it in a size that the net takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception.net.classes import SIZE_MULTIPLE


def margin_of(height: int, width: int) -> tuple[int, int]:
    """Rows and columns that are cut at the top and left, so that height and width become multiples of 32."""
    return (height % SIZE_MULTIPLE) // 2, (width % SIZE_MULTIPLE) // 2


def fitted_size(height: int, width: int) -> tuple[int, int]:
    """Height and width after the cut."""
    return height - height % SIZE_MULTIPLE, width - width % SIZE_MULTIPLE


def cropped(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The middle of a picture (H, W, 3)."""
    (top, left), (height, width) = margin_of(*image.shape[:2]), fitted_size(*image.shape[:2])
    return image[top : top + height, left : left + width]
