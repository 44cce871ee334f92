"""The compiled part of the renderer: sky and ground pixel by pixel, then convex polygons with antialiased edges.

Everything works on one uint8 picture (H, W, 3), a map of owners (H, W) and a map of nearness (H, W), which is 1 / depth
(0: infinitely far). Polygons are clipped in front of the camera, bent by the lens at their corners, and filled with the
share of each pixel that they cover (four scan lines per row, exact along the row). Nearness is linear on the picture,
so one plane per polygon decides who is in front.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

NEAR_M = 0.25
_SUB = 4
_LAYER_BIAS = 0.004
"""What is painted on a body counts as this share nearer than the body, per layer."""
_MOST_CORNERS = 24

SKY, GRASS, ROAD, PAVED, MARK = 0, 1, 2, 3, 4
"""Owners of pixels that no object owns; objects have numbers from FIRST_OBJECT on."""
SCENERY = 9
FIRST_OBJECT = 10


@njit(cache=True, nogil=True)
def draw_background(  # type: ignore[no-untyped-def]
    image, owner, nearness, rays, turn, height_m, shift, sky, clouds, textures, ground
):
    """Sky by elevation with clouds, open ground with a texture.

    `rays` (H, W, 2) undistorted image plane; `turn` (3, 3) turns camera axes into the map's. `shift` (2,) is the
    camera's place on the map, `sky` (64, 3) colours from horizon to zenith, `clouds` their strength; `textures`
    (3, S, S) uint8 around 128; `ground` (3,) colour.
    """
    rows, columns = owner.shape
    size = textures.shape[1] - 1
    # Locals, because the compiler cannot know that writing the picture leaves the arrays alone.
    a, b, c = turn[0, 0], turn[0, 1], turn[0, 2]
    d, e, f = turn[1, 0], turn[1, 1], turn[1, 2]
    g, h, i = turn[2, 0], turn[2, 1], turn[2, 2]
    sx, sy, red, green, blue = shift[0], shift[1], ground[0], ground[1], ground[2]
    for v in range(rows):
        for u in range(columns):
            x, y = rays[v, u, 0], rays[v, u, 1]
            dx, dy, dz = a * x + b * y + c, d * x + e * y + f, g * x + h * y + i
            nearness[v, u] = 0.0
            if dz > -1e-4:
                step = min(int(max(dz, 0.0) * 90.0), 63)
                bright = 1.0
                if clouds > 0.0 and dz > 0.01:
                    scale = 60.0 / (dz + 0.08)
                    patch = textures[2, int(dx * scale) & size, int(dy * scale) & size] - 128
                    bright = 1.0 + clouds * patch * min(dz * 12.0, 1.0) * 0.008
                image[v, u, 0] = np.uint8(min(sky[step, 0] * bright, 255.0))
                image[v, u, 1] = np.uint8(min(sky[step, 1] * bright, 255.0))
                image[v, u, 2] = np.uint8(min(sky[step, 2] * bright, 255.0))
                owner[v, u] = 0
            else:
                far = -height_m / dz
                patch = textures[1, int((sx + dx * far) * 3.0) & size, int((sy + dy * far) * 3.0) & size] - 128
                bright = 1.0 + patch * (0.006 / (1.0 + far * 0.01))
                image[v, u, 0] = np.uint8(min(red * bright, 255.0))
                image[v, u, 1] = np.uint8(min(green * bright, 255.0))
                image[v, u, 2] = np.uint8(min(blue * bright, 255.0))
                owner[v, u] = 1


@njit(cache=True, nogil=True)
def finish_ground(  # type: ignore[no-untyped-def]
    image, owner, rays, turn, height_m, shift, forward, textures, light, air, clear_at, haze_per_m, lamp, mirror
):
    """Texture, light, headlights and haze on all ground pixels.

    `light` (3,) multiplies colours; `air` (3,) is the colour of the haze, `clear_at` (256,) the share of light that
    gets through 0 to 8 extinction lengths. `lamp` is the strength of the ego's headlights, `forward` (2,) where they
    shine, `mirror` how strongly marks send it back.
    """
    rows, columns = owner.shape
    size = textures.shape[1] - 1
    a, b, c = turn[0, 0], turn[0, 1], turn[0, 2]
    d, e, f = turn[1, 0], turn[1, 1], turn[1, 2]
    g, h, i = turn[2, 0], turn[2, 1], turn[2, 2]
    sx, sy, ahead, aside = shift[0], shift[1], forward[0], forward[1]
    red, green, blue = light[0], light[1], light[2]
    air_red, air_green, air_blue = air[0], air[1], air[2]
    for v in range(rows):
        for u in range(columns):
            what = owner[v, u]
            if what == 0:
                continue
            x, y = rays[v, u, 0], rays[v, u, 1]
            dz = min(g * x + h * y + i, -1e-4)
            far = -height_m / dz
            gx, gy = (a * x + b * y + c) * far, (d * x + e * y + f) * far
            px, py = sx + gx, sy + gy
            coarse = textures[1, int(px * 1.7) & size, int(py * 1.7) & size] - 128
            bright = 1.0 + coarse * (0.0010 / (1.0 + far * 0.01))
            if far < 60.0:
                fine = textures[0, int(px * 24.0) & size, int(py * 24.0) & size] - 128
                bright += fine * (0.0026 / (1.0 + far * far * 0.004))
            shine = 0.0
            if lamp > 0.0:
                shine = lamp * beam(gx * ahead + gy * aside, gy * ahead - gx * aside)
                if what == 4:
                    shine *= 1.0 + mirror
            clear = clear_at[min(int(far * haze_per_m * 32.0), 255)]
            veil, bright = 1.0 - clear, bright * clear
            image[v, u, 0] = np.uint8(min(image[v, u, 0] * bright * (red + shine) + air_red * veil, 255.0))
            image[v, u, 1] = np.uint8(min(image[v, u, 1] * bright * (green + shine) + air_green * veil, 255.0))
            image[v, u, 2] = np.uint8(min(image[v, u, 2] * bright * (blue + shine) + air_blue * veil, 255.0))


@njit(cache=True, nogil=True)
def beam(ahead, aside):  # type: ignore[no-untyped-def]
    """Light of dipped headlights at a place in front of the car, 1 just ahead of it."""
    if ahead < 0.3:
        return 0.0
    angle = aside / ahead
    width = angle / 0.42
    return 1.0 / ((1.0 + width * width * width * width) * (1.0 + (ahead / 22.0) ** 2)) * min(ahead * 0.4, 1.0)


@njit(cache=True, nogil=True)
def paint(  # type: ignore[no-untyped-def]
    image, owner, nearness, points, starts, rgb, alpha, owners, layers, order, turn, place, lens, cull, solid
):
    """Fill the polygons named by `order`, one after the other.

    `turn` (3, 3) and `place` (3,) bring points into the camera; `lens` holds fx, fy, cx, cy, k1, k2, p1, p2, k3 and the
    largest squared radius at which the lens is known. `cull`: polygons that face away are left out. `solid`: nearness
    decides who is seen; else each is painted over what is there. A negative owner leaves the owners as they are.
    """
    corner = np.empty((_MOST_CORNERS, 3))
    clipped = np.empty((_MOST_CORNERS, 3))
    pixel = np.empty((_MOST_CORNERS, 3))
    for index in order:
        first, count = starts[index], starts[index + 1] - starts[index]
        for k in range(count):
            for r in range(3):
                corner[k, r] = (
                    turn[r, 0] * (points[first + k, 0] - place[0])
                    + turn[r, 1] * (points[first + k, 1] - place[1])
                    + turn[r, 2] * (points[first + k, 2] - place[2])
                )
        if cull and not _faces(corner, count):
            continue
        count = _clip_near(corner, count, clipped)
        if count < 3:
            continue
        _project(clipped, count, lens, pixel)
        fill(image, owner, nearness, pixel, count, rgb[index], alpha[index], owners[index], layers[index], solid)


@njit(cache=True, nogil=True)
def _faces(corner, count):  # type: ignore[no-untyped-def]
    """Whether the polygon's outside looks at the camera (Newell's normal)."""
    nx, ny, nz = 0.0, 0.0, 0.0
    for k in range(count):
        a, b = corner[k], corner[(k + 1) % count]
        nx += (a[1] - b[1]) * (a[2] + b[2])
        ny += (a[2] - b[2]) * (a[0] + b[0])
        nz += (a[0] - b[0]) * (a[1] + b[1])
    return nx * corner[0, 0] + ny * corner[0, 1] + nz * corner[0, 2] < 0.0


@njit(cache=True, nogil=True)
def _clip_near(corner, count, clipped):  # type: ignore[no-untyped-def]
    """Cut at the near plane (Sutherland and Hodgman 1974); returns the number of corners left."""
    kept = 0
    for k in range(count):
        a, b = corner[k], corner[(k + 1) % count]
        if a[2] >= NEAR_M:
            clipped[kept] = a
            kept += 1
        if (a[2] >= NEAR_M) != (b[2] >= NEAR_M):
            share = (NEAR_M - a[2]) / (b[2] - a[2])
            for r in range(3):
                clipped[kept, r] = a[r] + share * (b[r] - a[r])
            kept += 1
    return kept


@njit(cache=True, nogil=True)
def _project(clipped, count, lens, pixel):  # type: ignore[no-untyped-def]
    """Columns u, v, nearness; beyond the known radius the lens bends no further."""
    for k in range(count):
        near = 1.0 / clipped[k, 2]
        x, y = clipped[k, 0] * near, clipped[k, 1] * near
        r2 = min(x * x + y * y, lens[9])
        radial = 1.0 + r2 * (lens[4] + r2 * (lens[5] + r2 * lens[8]))
        across = min(max(x * y, -lens[9]), lens[9])
        u = x * radial + 2.0 * lens[6] * across + lens[7] * (r2 + 2.0 * min(x * x, r2))
        v = y * radial + lens[6] * (r2 + 2.0 * min(y * y, r2)) + 2.0 * lens[7] * across
        pixel[k, 0], pixel[k, 1], pixel[k, 2] = u * lens[0] + lens[2] + 0.5, v * lens[1] + lens[3] + 0.5, near


@njit(cache=True, nogil=True)
def _plane(pixel, count):  # type: ignore[no-untyped-def]
    """Nearness as a u + b v + c, from the largest of the triangles that fan out from the first corner."""
    best, at = 0.0, 1
    for k in range(1, count - 1):
        area = abs(
            (pixel[k, 0] - pixel[0, 0]) * (pixel[k + 1, 1] - pixel[0, 1])
            - (pixel[k + 1, 0] - pixel[0, 0]) * (pixel[k, 1] - pixel[0, 1])
        )
        if area > best:
            best, at = area, k
    if best < 1e-6:
        return 0.0, 0.0, pixel[0, 2]
    ux, uy, un = pixel[at, 0] - pixel[0, 0], pixel[at, 1] - pixel[0, 1], pixel[at, 2] - pixel[0, 2]
    wx, wy, wn = pixel[at + 1, 0] - pixel[0, 0], pixel[at + 1, 1] - pixel[0, 1], pixel[at + 1, 2] - pixel[0, 2]
    det = ux * wy - wx * uy
    a, b = (un * wy - wn * uy) / det, (ux * wn - wx * un) / det
    return a, b, pixel[0, 2] - a * pixel[0, 0] - b * pixel[0, 1]


@njit(cache=True, nogil=True)
def fill(image, owner, nearness, pixel, count, rgb, alpha, mine, layer, solid):  # type: ignore[no-untyped-def]
    """Fill one convex polygon on the picture: corners (K, 3) of u, v (pixel corners at integers) and nearness."""
    rows, columns = owner.shape
    top, bottom, least, most = pixel[0, 1], pixel[0, 1], pixel[0, 2], pixel[0, 2]
    for k in range(1, count):
        top, bottom = min(top, pixel[k, 1]), max(bottom, pixel[k, 1])
        least, most = min(least, pixel[k, 2]), max(most, pixel[k, 2])
    if bottom <= 0.0 or top >= rows:
        return
    a, b, c = 0.0, 0.0, 0.0
    if solid:
        bias = 1.0 + _LAYER_BIAS * layer
        a, b, c = _plane(pixel, count)
        a, b, c, least, most = a * bias, b * bias, c * bias, least * bias, most * bias
    left, right = np.empty(_SUB), np.empty(_SUB)
    for v in range(max(int(top), 0), min(int(bottom) + 1, rows)):
        start, end, full_start, full_end = _spans(pixel, count, v, columns, left, right)
        if full_start >= full_end:
            full_start, full_end = end, end
        row = b * (v + 0.5) + c
        _edge(
            image,
            owner,
            nearness,
            v,
            start,
            min(full_start, end),
            left,
            right,
            rgb,
            alpha,
            mine,
            a,
            row,
            least,
            most,
            solid,
        )
        _edge(
            image,
            owner,
            nearness,
            v,
            max(full_end, start),
            end,
            left,
            right,
            rgb,
            alpha,
            mine,
            a,
            row,
            least,
            most,
            solid,
        )
        _inside(image, owner, nearness, v, full_start, full_end, rgb, alpha, mine, a, row, solid)


@njit(cache=True, nogil=True)
def _edge(  # type: ignore[no-untyped-def]
    image, owner, nearness, v, start, end, left, right, rgb, alpha, mine, a, row, least, most, solid
):
    """Pixels of a row that the polygon covers in part."""
    for u in range(start, end):
        cover = 0.0
        for s in range(_SUB):
            cover += max(min(right[s], u + 1.0) - max(left[s], float(u)), 0.0)
        cover *= 1.0 / _SUB
        if cover < 0.02:
            continue
        if solid:
            near = min(max(a * (u + 0.5) + row, least), most)
            if near < nearness[v, u]:
                continue
            if cover > 0.5:
                nearness[v, u] = near
                owner[v, u] = mine
        elif cover > 0.5 and mine >= 0:
            owner[v, u] = mine
        share = int(min(cover * 1.25, 1.0) * alpha * 256.0)
        for k in range(3):
            image[v, u, k] = np.uint8((image[v, u, k] * (256 - share) + rgb[k] * share) >> 8)


@njit(cache=True, nogil=True)
def _inside(image, owner, nearness, v, start, end, rgb, alpha, mine, a, row, solid):  # type: ignore[no-untyped-def]
    """Pixels of a row that lie wholly in the polygon."""
    red, green, blue = rgb[0], rgb[1], rgb[2]
    if solid:
        for u in range(start, end):
            near = a * (u + 0.5) + row
            if near >= nearness[v, u]:
                nearness[v, u] = near
                owner[v, u] = mine
                image[v, u, 0], image[v, u, 1], image[v, u, 2] = red, green, blue
    elif alpha >= 1.0:
        for u in range(start, end):
            owner[v, u] = mine
            image[v, u, 0], image[v, u, 1], image[v, u, 2] = red, green, blue
    else:
        share = int(alpha * 256.0)
        for u in range(start, end):
            image[v, u, 0] = np.uint8((image[v, u, 0] * (256 - share) + red * share) >> 8)
            image[v, u, 1] = np.uint8((image[v, u, 1] * (256 - share) + green * share) >> 8)
            image[v, u, 2] = np.uint8((image[v, u, 2] * (256 - share) + blue * share) >> 8)


@njit(cache=True, nogil=True)
def _spans(pixel, count, v, columns, left, right):  # type: ignore[no-untyped-def]
    """Where the scan lines of row v enter and leave; the columns touched, and those that are wholly inside."""
    start, end, full_start, full_end = float(columns), 0.0, 0.0, float(columns)
    for s in range(_SUB):
        y = v + (s + 0.5) / _SUB
        low, high = float(columns), 0.0
        hit = False
        for k in range(count):
            n = k + 1 if k + 1 < count else 0
            y0, y1 = pixel[k, 1], pixel[n, 1]
            if (y0 <= y) != (y1 <= y):
                x = pixel[k, 0] + (y - y0) / (y1 - y0) * (pixel[n, 0] - pixel[k, 0])
                low, high = min(low, x), max(high, x)
                hit = True
        if not hit or low >= columns or high <= 0.0:
            low, high = 0.0, 0.0
            full_end = 0.0
        else:
            low, high = max(low, 0.0), min(high, float(columns))
            start, end = min(start, low), max(end, high)
        left[s], right[s] = low, high
        full_start, full_end = max(full_start, low), min(full_end, high)
    return int(start), min(math.ceil(end), columns), math.ceil(full_start), int(full_end)


@njit(cache=True, nogil=True)
def shade(  # type: ignore[no-untyped-def]
    points, starts, rgb, glow, order, eye, forward, sun, ambient, direct, air, haze_per_m, lamp, out
):
    """Colours (P, 3) uint8 of polygons as the camera gets them: sun, sky, headlights, own light, haze.

    `eye` (3,) is the camera on the map; `sun` (3,) points to the sun; `ambient`, `direct` and `air` are (3,).
    """
    for p in order:
        first, count = starts[p], starts[p + 1] - starts[p]
        nx, ny, nz, cx, cy, cz = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for k in range(count):
            a, b = points[first + k], points[first + (k + 1) % count]
            nx += (a[1] - b[1]) * (a[2] + b[2])
            ny += (a[2] - b[2]) * (a[0] + b[0])
            nz += (a[0] - b[0]) * (a[1] + b[1])
            cx, cy, cz = cx + a[0], cy + a[1], cz + a[2]
        norm = max(math.sqrt(nx * nx + ny * ny + nz * nz), 1e-9)
        ox, oy, oz = cx / count - eye[0], cy / count - eye[1], cz / count - eye[2]
        far = math.sqrt(ox * ox + oy * oy + oz * oz)
        sunny = max((nx * sun[0] + ny * sun[1] + nz * sun[2]) / norm, 0.0)
        sky = 0.75 + 0.25 * nz / norm
        shine = 0.0
        if lamp > 0.0:
            ahead, aside = ox * forward[0] + oy * forward[1], oy * forward[0] - ox * forward[1]
            facing = max(-(nx * ox + ny * oy + nz * oz) / (norm * max(far, 0.1)), 0.0)
            shine = lamp * beam(ahead, aside) * (0.25 + 0.75 * facing) * (1.0 + 5.0 * max(-glow[p], 0.0))
        own = max(glow[p], 0.0)
        clear = math.exp(-far * haze_per_m)
        reach = math.exp(-far * haze_per_m * 0.45) if own > 0.0 else clear  # lamps outlast their surroundings in fog
        for c in range(3):
            lit = rgb[p, c] * (ambient[c] * sky + direct[c] * sunny + shine) * clear + rgb[p, c] * own * reach
            out[p, c] = np.uint8(min(lit + air[c] * (1.0 - clear), 255.0))
