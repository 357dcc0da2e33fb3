from __future__ import annotations

import errno
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import altair as alt
import numpy as np
import pytest

from isoflop import report
from isoflop.errors import BadInput, Failure


def pixels(png: bytes) -> np.ndarray:
    """An RGBA PNG as an array (height, width, 4); knows the row filters None and Sub, all that vl-convert writes."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, colour = struct.unpack(">IIBB", png[16:26])
    assert (depth, colour) == (8, 6)
    at, packed = 8, b""
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        packed += png[at + 8 : at + 8 + length] if png[at + 4 : at + 8] == b"IDAT" else b""
        at += 12 + length
    lines = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(height, 1 + 4 * width)
    filters, values = lines[:, 0], lines[:, 1:].reshape(height, width, 4)
    assert set(filters) <= {0, 1}
    return np.where(filters[:, None, None] == 1, np.cumsum(values, axis=1, dtype=np.uint8), values)


@pytest.mark.parametrize(
    "kind", ["loss_curves", "ladder_with_law", "forecast_vs_measured", "isoflop_curves", "residuals"]
)
def test_a_png_shows_a_picture_at_twice_the_size(charts: dict[str, alt.LayerChart], kind: str, tmp_path: Path) -> None:
    image = pixels(report.save(charts[kind], tmp_path / "chart.png").read_bytes())
    height, width, _ = image.shape
    assert width >= 2 * 640
    assert height >= 2 * 200
    assert image[..., :3].std() > 10
    assert len(np.unique(image.view(np.uint32))) > 50
    assert image[0, 0].tolist() == [255, 255, 255, 255]


def test_each_suffix_gets_its_format(charts: dict[str, alt.LayerChart], tmp_path: Path) -> None:
    chart = charts["residuals"]
    assert report.save(chart, tmp_path / "a.svg").read_text().startswith("<svg")
    assert report.save(chart, tmp_path / "a.PDF").read_bytes().startswith(b"%PDF-")
    assert json.loads(report.save(chart, tmp_path / "a.json").read_text()) == report.specification(chart)


def test_an_unknown_suffix_is_refused_with_the_known_ones(charts: dict[str, alt.LayerChart], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"'\.pgn'.*\.png, \.svg, \.pdf, \.json.*Did you mean '\.png'"):
        report.save(charts["residuals"], tmp_path / "chart.pgn")


def test_a_missing_folder_is_named(charts: dict[str, alt.LayerChart], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"folder .*nowhere does not exist"):
        report.save(charts["residuals"], tmp_path / "nowhere" / "chart.svg")


def test_a_full_disk_leaves_the_old_figure_and_no_fragment(
    charts: dict[str, alt.LayerChart], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "chart.svg"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Failure, match="No space left on device"):
        report.save(charts["residuals"], path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_room_can_be_imported_without_altair() -> None:
    program = "import sys, isoflop.report; sys.exit('altair' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
