"""Every GPU benchmark, one after another: python benchmarks/gpu/run.py [--smoke]. Without a GPU each says why not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPTS = ("mfu.py", "many_small.py", "isoflop_study.py")


def main() -> int:
    """Run them all, passing arguments on; exit 1 where one missed its aim or failed."""
    codes = []
    for name in SCRIPTS:
        print(f"== {name}", flush=True)
        codes.append(subprocess.run([sys.executable, str(Path(__file__).parent / name), *sys.argv[1:]]).returncode)
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
