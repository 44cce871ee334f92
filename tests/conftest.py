"""Shared fixtures. External test data lies in the folder that LANEWISE_DATA names (default ../shared/data)."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# First calls compile kernels, and the machine may be shared: how long an example takes says nothing.
settings.register_profile("lanewise", deadline=None)
settings.load_profile("lanewise")

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of external test data; tests that ask for it skip where it is missing."""
    folder = Path(os.environ.get("LANEWISE_DATA", REPOSITORY / ".." / "shared" / "data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"external test data is missing: {folder} (set LANEWISE_DATA)")
    return folder
