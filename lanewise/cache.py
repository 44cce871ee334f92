"""The one folder outside the run folders that Lanewise writes to: compiled kernels. `lanewise doctor` shows it."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """`LANEWISE_CACHE`, else `lanewise` in the user's cache folder."""
    named = os.environ.get("LANEWISE_CACHE")
    if named:
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "lanewise"


def keep_kernels_in_cache() -> None:
    """Tell numba where compiled kernels go; it reads this once, when it is imported first."""
    os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder() / "kernels"))
