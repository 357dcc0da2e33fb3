"""What every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of public runs: $ISOFLOP_DATA, or shared/data beside the repository; skips where neither is."""
    default = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ISOFLOP_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"no public runs at {folder}; set ISOFLOP_DATA to the folder that holds runs/")
    return folder
