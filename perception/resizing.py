"""Pictures of any size in the size that a net was made for, with the camera that would have taken them so."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from geometry.camera import Camera


def resized(image: NDArray[np.uint8], camera: Camera, size: tuple[int, int]) -> tuple[NDArray[np.uint8], Camera]:
    """A picture (H, W, 3) as wide as `size` (width, height), its rows cut or filled up in equal parts above and below.

    The camera's rays stay what they are: only its pixels change.
    """
    width, height = size
    if (camera.width, camera.height) == size:
        return image, camera
    ratio = width / camera.width
    rows = max(round(camera.height * ratio), 1)
    small = cv2.resize(image, (width, rows), interpolation=cv2.INTER_AREA if ratio < 1.0 else cv2.INTER_LINEAR)
    above = (height - rows) // 2
    made = np.zeros((height, width, 3), np.uint8)
    made[max(above, 0) : max(above, 0) + rows] = small[max(-above, 0) : max(-above, 0) + height]
    down = rows / camera.height
    # Middles of pixels: the first one's edge, not its middle, stays where it is.
    matrix = camera.matrix * np.array([[ratio], [down], [1.0]])
    matrix[:2, 2] += (0.5 * ratio - 0.5, 0.5 * down - 0.5 + above)
    return made, replace(camera, width=width, height=height, matrix=matrix)
