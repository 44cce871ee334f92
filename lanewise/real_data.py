"""Labelled pictures that a user has, as shards beside our own: KITTI's benchmarks, or data in the form of nuScenes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from geometry.errors import InputError
from perception.training.real import kitti, nuscenes
from perception.training.real.labelled import LabelledPicture, samples_of
from perception.training.sample import write_shard

PICTURES = 120
"""Per shard, as in ours."""


def real_pictures(folder: Path) -> tuple[LabelledPicture, ...]:
    """All labelled pictures of a folder.

    Raises:
        InputError: it is of neither kind, or damaged.
    """
    if (folder / "label_2").is_dir() or (folder / "label_02").is_dir():
        return kitti.pictures_in(folder)
    if (folder / "sample_data.json").is_file():
        return nuscenes.pictures_in(folder.parent, folder.name)
    if any(folder.glob("*/sample_data.json")):
        return nuscenes.pictures_in(folder)
    raise InputError(
        "labelled pictures were expected: KITTI's `training` folder (label_2 or label_02), or the folder of nuScenes "
        "with its tables",
        folder,
    )


def real_shards(source: Path, folder: Path, told: Callable[[float], None] = lambda _: None) -> tuple[Path, ...]:
    """Shards of all labelled pictures; those that were written before are kept.

    Raises:
        InputError: as `real_pictures`, or a picture cannot be read.
    """
    pictures = real_pictures(source)
    named = hashlib.sha256("\n".join(str(picture.path) for picture in pictures).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, first in enumerate(range(0, len(pictures), PICTURES)):
        path = folder / f"real-{named}-{number:04d}.npz"
        if not path.exists():
            write_shard(path, list(samples_of(pictures[first : first + PICTURES])))
        paths.append(path)
        told(number + 1.0)
    return tuple(paths)
