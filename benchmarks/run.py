"""Everything that `make bench` prints: the fitter, the trainer and the forecasts beside the field's usual tools.

The long studies of coverage are separate: demo_study.py, entropy_study.py and interval_study.py, by `make test-slow`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run each benchmark in a process of its own; the exit code is 1 when one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--nanogpt", type=Path, help="a checkout of karpathy/nanoGPT, to be measured beside the trainer"
    )
    options = parser.parse_args()
    nanogpt = ["--nanogpt", str(options.nanogpt)] if options.nanogpt else []
    failed = []
    for name, arguments in (
        ("fitting_speed.py", []),
        ("trainer_speed.py", nanogpt),
        ("forecast_accuracy.py", []),
        ("forecast_scale.py", ["--runs", "240", "1000", "10000"]),
        ("laws_benchmark.py", []),
        ("published_runs.py", []),
        ("layouts.py", []),
        ("memory_model.py", []),
        ("active_design.py", []),
        ("campaign_speed.py", []),
        ("stream_text.py", []),
        ("page_speed.py", []),
    ):
        print(f"\n== {name.removesuffix('.py').replace('_', ' ')} ==", flush=True)
        if subprocess.run([sys.executable, str(HERE / name), *arguments], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
