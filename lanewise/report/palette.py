"""The colours of reports, in one place: the page takes them as CSS variables, the drawn frames as they are.

Slate road users on a quiet road; one accent for the ego; warm colours only for what needs attention.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from bus.messages import EntityKind

Palette = Mapping[str, str]
"""Role to colour `#rrggbb`."""

LIGHT: Palette = MappingProxyType({
    "paper": "#f6f6f3", "panel": "#ffffff", "ink": "#1b2024", "muted": "#59626a", "faint": "#8b949b",
    "hairline": "#e2e2dc", "accent": "#0b5fc2", "accent-wash": "#e7f0fa",
    "pass": "#17713f", "pass-wash": "#e4f2e9", "fail": "#b3261e", "fail-wash": "#fbeae8",
    "warn": "#8a5800", "warn-wash": "#faf0dc",
    "ground": "#dfe3d9", "verge": "#d3dacb", "walk": "#d5d2cb", "shoulder": "#b3b8bc", "lane": "#a4aaaf",
    "crossing": "#b9bec2", "mark": "#ffffff", "mark-yellow": "#f3cf55", "mark-blue": "#5c86c8",
    "mark-red": "#c25a50", "edge": "#8d9499", "centre": "#b1b7bb", "shadow": "#858c91",
    "ego": "#0b5fc2", "car": "#4b5660", "heavy": "#5c544b", "cargo": "#e9e6df", "person": "#c2521f",
    "thing": "#9a7416", "glass": "#1d252c", "lamp": "#f6efd4", "tail": "#8d2a25", "braking": "#ff3b2f",
    "indicator": "#ffab1a", "tyre": "#20262b", "skin": "#e8c7a5",
    "lead": "#d98200", "trail": "#0b5fc2", "slow": "#c0392b", "medium": "#e2a52e", "fast": "#128a66",
})  # fmt: skip

DARK: Palette = MappingProxyType({
    "paper": "#0f1316", "panel": "#171c20", "ink": "#e7eaec", "muted": "#9ba5ad", "faint": "#6d7780",
    "hairline": "#293036", "accent": "#62a8ff", "accent-wash": "#17293d",
    "pass": "#5cc98c", "pass-wash": "#13291d", "fail": "#ff8177", "fail-wash": "#361a18",
    "warn": "#e5b052", "warn-wash": "#302510",
    "ground": "#171c1b", "verge": "#1b231d", "walk": "#2c2f30", "shoulder": "#272d32", "lane": "#2e353b",
    "crossing": "#363e44", "mark": "#b8c0c6", "mark-yellow": "#c7a23c", "mark-blue": "#5d80b8",
    "mark-red": "#b0564e", "edge": "#495259", "centre": "#3d464d", "shadow": "#20262a",
    "ego": "#3e8ff2", "car": "#93a0ab", "heavy": "#a2988b", "cargo": "#c9c4ba", "person": "#ee8a58",
    "thing": "#cfa23a", "glass": "#12181d", "lamp": "#fff6d6", "tail": "#8d2f2a", "braking": "#ff4a3d",
    "indicator": "#ffb938", "tyre": "#0b0f12", "skin": "#e8c7a5",
    "lead": "#f0a030", "trail": "#62a8ff", "slow": "#f0604f", "medium": "#edbb45", "fast": "#35c295",
})  # fmt: skip

THEMES: Mapping[str, Palette] = MappingProxyType({"light": LIGHT, "dark": DARK})

_BODY = {
    EntityKind.TRUCK: "heavy", EntityKind.BUS: "heavy", EntityKind.TRAILER: "heavy", EntityKind.OBSTACLE: "thing",
    EntityKind.PEDESTRIAN: "person", EntityKind.BICYCLE: "person", EntityKind.ANIMAL: "person",
    EntityKind.MOTORCYCLE: "car", EntityKind.CAR: "car", EntityKind.VAN: "car",
}  # fmt: skip


def body_role(kind: int, is_ego: bool) -> str:
    """The role of an entity's body colour."""
    return "ego" if is_ego else _BODY[EntityKind(kind)]


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of `#rrggbb`."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def tinted(color: str, tint: float) -> str:
    """A colour mixed with white (0 < tint <= 1) or with black (-1 <= tint < 0)."""
    return mixed(color, "#ffffff" if tint > 0.0 else "#000000", abs(tint))


def mixed(first: str, second: str, share: float) -> str:
    """`share` of the second colour over the first."""
    pairs = zip(rgb(first), rgb(second), strict=True)
    return "#" + "".join(f"{round(a + share * (b - a)):02x}" for a, b in pairs)


def speed_color(share: float, palette: Palette) -> str:
    """The colour of a speed as a share of the highest one: slow, medium, fast."""
    share = min(max(share, 0.0), 1.0)
    if share < 0.5:
        return mixed(palette["slow"], palette["medium"], 2.0 * share)
    return mixed(palette["medium"], palette["fast"], 2.0 * share - 1.0)
