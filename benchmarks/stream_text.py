"""Peak memory and speed of the pass that turns a large text into token files.

    python benchmarks/stream_text.py [--megabytes 1000] [--tokenizer bytes] [--form txt|jsonl|parquet]

Makes a text of that size in a temporary folder, measures the pass in a fresh process, and removes both.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

WORDS = 20_000
PASSAGES = 5_000
PASSAGE_WORDS = 100
DOCUMENT_PASSAGES = 6


def documents(megabytes: int) -> Iterator[str]:
    """Documents of passages of made-up words with Zipf frequencies, until they hold so many megabytes."""
    generator = np.random.default_rng(0)
    words = np.array(["".join(generator.choice(list("etaoinshrdlu"), generator.integers(2, 9))) for _ in range(WORDS)])
    rank = np.arange(1, WORDS + 1) ** -1.1
    drawn = generator.choice(words, (PASSAGES, PASSAGE_WORDS), p=rank / rank.sum())
    passages, written = [" ".join(row) for row in drawn], 0
    while written < megabytes * 1_000_000:
        for row in generator.integers(PASSAGES, size=(1_000, DOCUMENT_PASSAGES)):
            text = " ".join([passages[i] for i in row])
            written += len(text)
            yield text


def write(folder: Path, form: str, megabytes: int) -> Path:
    """The made-up text as one file."""
    path = folder / f"text.{form}"
    if form == "parquet":
        import polars as pl

        pl.DataFrame({"text": list(documents(megabytes))}).write_parquet(path)
        return path
    with path.open("w") as file:
        for text in documents(megabytes):
            file.write(json.dumps({"text": text}) + "\n" if form == "jsonl" else text + "\n")
    return path


def measure(path: Path, tokenizer: str) -> dict[str, float]:
    """Load the text through files in this process."""
    from isoflop.train.spec import TextSource
    from isoflop.train.text import load_corpus

    before = peak_megabytes()
    began, cpu = time.monotonic(), time.process_time()
    corpus = load_corpus(TextSource(kind="file", path=str(path), tokenizer=tokenizer, stream=True))
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    began = time.monotonic()
    load_corpus(TextSource(kind="file", path=str(path), tokenizer=tokenizer, stream=True))
    return {
        "megabytes": path.stat().st_size / 1e6,
        "tokens": len(corpus.train) + len(corpus.validation),
        "seconds": seconds,
        "cpu_seconds": cpu,
        "megabytes_per_second": path.stat().st_size / 1e6 / seconds,
        "again_seconds": time.monotonic() - began,
        "rss_before_mb": before,
        "peak_rss_mb": peak_megabytes(),
    }


def peak_megabytes() -> float:
    """Peak resident memory of this program; that of getrusage begins with what the parent held when it forked."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--tokenizer", default="bytes")
    parser.add_argument("--form", choices=("txt", "jsonl", "parquet"), default="txt")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.tokenizer)))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), arguments.form, arguments.megabytes)
        command = [sys.executable, __file__, "--measure", str(path), "--tokenizer", arguments.tokenizer]
        environment = os.environ | {"ISOFLOP_TEXT_CACHE": str(Path(folder) / "cache")}
        print(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip())


if __name__ == "__main__":
    main()
