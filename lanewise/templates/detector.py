"""A detector: what shines red is taken for the rear of a car. It is there to be replaced by something that sees.

lanewise run stopped-lead --detector FILE:NewDetector
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from geometry.camera import Camera
from perception.boxes.form import Boxes


class NewDetector:
    """All that a detector needs is `detect`. Made once per drive, without arguments."""

    def detect(self, image: NDArray[np.uint8], camera: Camera) -> Boxes:
        """Boxes in the pixels of an RGB picture (H, W, 3); calibration and ground plane lift them to the road.

        Who knows ranges himself answers with `perception.net.decode.Detections` instead, in `ego`.
        """
        tone, colour, bright = cv2.split(cv2.cvtColor(image, cv2.COLOR_RGB2HSV))
        red = ((tone < 8) | (tone > 172)) & (colour > 140) & (bright > 90)
        joined = cv2.morphologyEx(red.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 41), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(joined)
        (horizon,), _ = camera.pixels_of(np.array([(1e4, 0.0, camera.position_m[2])]))  # lamps are lower than we are
        found = [s for s in stats[1:] if s[cv2.CC_STAT_AREA] > 60 and s[2] > s[3] and s[1] > horizon[1]]
        edges = [(x, y - 0.6 * w, x + w, y + 0.4 * w) for x, y, w, _, _ in found]
        return Boxes(("car",) * len(edges), np.full(len(edges), 0.6), np.array(edges))
