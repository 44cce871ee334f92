"""What happens to a picture in the air and in the sensor: drops, flakes, motion blur, noise.

All functions change the uint8 picture (H, W, 3) in place and draw from the generator they are given.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numba import njit
from numpy.typing import NDArray

from bus.messages import Weather, WeatherKind
from geometry.camera import Camera

Picture = NDArray[np.uint8]
Floats32 = NDArray[np.float32]

_BANK = 1 << 20
_BANDS = 4
_MOST_BLUR_PX = 31


@lru_cache(maxsize=1)
def textures() -> NDArray[np.uint8]:
    """Fine grain, patches and clouds around 128, shape (3, 512, 512), seamless at the borders."""
    rng = np.random.Generator(np.random.PCG64(7))
    layers = [_noise(rng, (1, 2, 4)), _noise(rng, (4, 16, 48)), _noise(rng, (24, 60, 120))]
    return np.stack(layers)


def _noise(rng: np.random.Generator, scales: tuple[int, ...]) -> NDArray[np.uint8]:
    total = np.zeros((512, 512))
    for scale in scales:
        white = np.tile(rng.standard_normal((512, 512)), (3, 3)).astype(np.float32)
        smooth = cv2.GaussianBlur(white, (0, 0), float(scale))[512:1024, 512:1024]
        total += smooth / smooth.std()
    return np.clip(128.0 + 36.0 * total / total.std(), 0.0, 255.0).astype(np.uint8)


@lru_cache(maxsize=1)
def _bank() -> NDArray[np.int8]:
    """Normal numbers with a standard deviation of 32, drawn once: pictures start at random places of it."""
    rng = np.random.Generator(np.random.PCG64(11))
    return np.clip(32.0 * rng.standard_normal(_BANK), -127, 127).astype(np.int8)


def add_noise(image: Picture, strength: float, rng: np.random.Generator) -> None:
    """Read and shot noise: `strength` is the 1-sigma in grey levels of a mid grey."""
    levels = np.arange(256.0)
    scale = np.round(strength * (0.55 + 0.45 * np.sqrt(levels / 128.0)) * 8.0).astype(np.int32)
    flat = image.reshape(-1)
    _add_noise(flat, _bank(), scale, int(rng.integers(_BANK)), int(rng.integers(1, 64)) * 2 + 1)


@njit(cache=True, nogil=True)
def _add_noise(flat, bank, scale, start, stride):  # type: ignore[no-untyped-def]
    """Runs of 4096 values from the bank, each from another place, so that no row repeats the one above."""
    size = len(bank) - 4096
    at = start % size
    for begin in range(0, len(flat), 4096):
        for k in range(min(4096, len(flat) - begin)):
            value = flat[begin + k] + ((bank[at + k] * scale[flat[begin + k]]) >> 8)
            flat[begin + k] = np.uint8(min(max(value, 0), 255))
        at = (at + 4096 * stride + 977) % size


def add_precipitation(
    image: Picture, weather: Weather, camera: Camera, speed_mps: float, rng: np.random.Generator
) -> None:
    """Streaks of rain and drops on the lens, or flakes."""
    if weather.kind is WeatherKind.RAIN:
        count = int(min(30.0 + 14.0 * weather.precipitation_mmph, 400.0) * camera.width * camera.height / 230_400)
        _streaks(image, count, speed_mps, rng)
        _drops(image, int(rng.poisson(min(0.4 * weather.precipitation_mmph, 6.0))), rng)
    elif weather.kind is WeatherKind.SNOW:
        count = int(min(60.0 + 60.0 * weather.precipitation_mmph, 700.0) * camera.width * camera.height / 230_400)
        size = rng.exponential(0.7, count) + 0.4
        place = rng.random((count, 2)) * (camera.width, camera.height)
        _flakes(image, place, np.minimum(size, 5.0), float(max(image.mean(), 60.0)) + 70.0)


def _streaks(image: Picture, count: int, speed_mps: float, rng: np.random.Generator) -> None:
    place = rng.random((count, 2)) * (image.shape[1], image.shape[0])
    slant = rng.normal(0.0, 0.08) + (place[:, 0] / image.shape[1] - 0.5) * min(0.03 * speed_mps, 0.9)
    length = rng.uniform(5.0, 20.0, count)
    _draw_streaks(image, place, slant, length, float(image.mean()) + 60.0, rng.uniform(0.08, 0.3, count))


@njit(cache=True, nogil=True)
def _draw_streaks(image, place, slant, length, bright, alpha):  # type: ignore[no-untyped-def]
    rows, columns = image.shape[0], image.shape[1]
    for i in range(len(place)):
        for k in range(int(length[i])):
            v, u = int(place[i, 1]) + k, int(place[i, 0] + slant[i] * k)
            if 0 <= v < rows and 0 <= u < columns:
                for c in range(3):
                    image[v, u, c] = np.uint8(image[v, u, c] + alpha[i] * (min(bright, 250.0) - image[v, u, c]))


@njit(cache=True, nogil=True)
def _flakes(image, place, size, bright):  # type: ignore[no-untyped-def]
    rows, columns = image.shape[0], image.shape[1]
    for i in range(len(place)):
        r = size[i]
        alpha = 0.8 / (1.0 + 0.25 * r * r)
        for v in range(int(place[i, 1] - r), int(place[i, 1] + r) + 1):
            for u in range(int(place[i, 0] - r), int(place[i, 0] + r) + 1):
                if 0 <= v < rows and 0 <= u < columns:
                    far = ((v - place[i, 1]) ** 2 + (u - place[i, 0]) ** 2) / (r * r)
                    if far < 1.0:
                        share = alpha * (1.0 - far)
                        for c in range(3):
                            image[v, u, c] = np.uint8(image[v, u, c] + share * (min(bright, 252.0) - image[v, u, c]))


def _drops(image: Picture, count: int, rng: np.random.Generator) -> None:
    """Drops on the lens: round places that show a blurred, slightly brighter world."""
    for _ in range(count):
        r = int(rng.uniform(5.0, 15.0))
        u, v = int(rng.integers(r, image.shape[1] - r)), int(rng.integers(r, image.shape[0] - r))
        part = image[v - r : v + r, u - r : u + r]
        soft = cv2.blur(part, (r | 1, r | 1))
        disc = np.zeros(part.shape[:2], np.float32)
        cv2.circle(disc, (r, r), max(r - 3, 2), 0.85, -1)
        share = cv2.blur(disc, (5, 5))[:, :, None]
        part[:] = (part * (1.0 - share) + np.minimum(soft * 1.05 + 4.0, 255.0) * share).astype(np.uint8)


def add_motion_blur(image: Picture, camera: Camera, rays: Floats32, speed_mps: float, exposure_s: float) -> None:
    """Blur of the ground and what stands on it while the shutter is open, band by band below the horizon.

    `rays` (H, W, 2) is the undistorted image plane.
    """
    if speed_mps * exposure_s < 1e-3:
        return
    rows = np.linspace(0.5 * camera.height, camera.height, _BANDS + 1).astype(int)
    middle = (rows[:-1] + rows[1:]) // 2
    plane = rays[middle, camera.width // 2]
    turn = camera.ego_from_camera
    ray = np.column_stack((plane, np.ones(_BANDS))) @ turn.T
    far = camera.position_m[2] / np.maximum(-ray[:, 2], 1e-3)
    before = np.column_stack((plane * far[:, None], far))
    after = before - np.array([speed_mps * exposure_s, 0.0, 0.0]) @ turn
    moved = after[:, :2] / np.maximum(after[:, 2:], 0.1) - plane
    for k, (dx, dy) in enumerate(moved * camera.focal_px):
        size = [int(min(abs(d) + 0.5, _MOST_BLUR_PX)) for d in (dx, dy)]
        if max(size) >= 2:
            band = image[rows[k] : rows[k + 1]]
            cv2.blur(band, (max(size[0], 1), max(size[1], 1)), dst=band)
