"""What a study's runs teach, made up: as the page gets it, without the seconds that a fit takes."""

from __future__ import annotations

from fake_campaign import loss_at

BUDGETS = [6e17 * 10 ** (i / 4) for i in range(13)]
SIZES, LENGTHS = (1e6, 4e6, 16e6), (2e7, 2e8, 2e9)
POINTS = [(N, D) for N in SIZES for D in LENGTHS]
SPLITS = [((C / 120) ** 0.5, (C / 6 * 20) ** 0.5) for C in BUDGETS]
AHEAD = [loss_at(N, D) for N, D in SPLITS]
RUN_IDS = [f"trunk-{i}-{b}" for i in range(5) for b in (1, 2)]

LAW = {
    "n_runs": 10,
    "largest": 6e17,
    "forms": [
        {"name": "chinchilla", "formula": "E + A/N**alpha + B/D**beta", "weight": 1.0}
        | {"constants": [{"name": "alpha", "value": 0.34, "low": 0.3, "high": 0.38, "meaning": "exponent of N"}]}
        | {"doubts": [{"outcome": "flat", "cause": "Very different values fit as well.", "remedy": "Add runs."}]}
    ],
    "rms": 0.0021,
    "residuals": {"run_id": RUN_IDS, "percent": [0.1 * (-1) ** i for i in range(10)]},
    "lines": {
        "params": [N for N, _ in POINTS],
        "tokens": [D for _, D in POINTS],
        "loss": [loss_at(N, D) for N, D in POINTS],
        "low": [0.99 * loss_at(N, D) for N, D in POINTS],
        "high": [1.01 * loss_at(N, D) for N, D in POINTS],
    },
    "ahead": {
        "flops": BUDGETS,
        "params": [N for N, _ in SPLITS],
        "tokens": [D for _, D in SPLITS],
        "loss": AHEAD,
        "low": [loss * (0.99 - 0.004 * i) for i, loss in enumerate(AHEAD)],
        "high": [loss * (1.01 + 0.004 * i) for i, loss in enumerate(AHEAD)],
        "beyond": [C / 6e17 for C in BUDGETS],
        "best": True,
        "notes": ["The farthest target is beyond what backtests can vouch for."],
    },
    "widening": 1.3,
    "findings": [],
    "level": 0.9,
}
NEXT = {
    "target": {"params": 1e9, "tokens": 2e10, "flops": 1.2e20, "loss": 2.3, "low": 2.2, "high": 2.4},
    "beyond": 10.0,
    "spread": 0.021,
    "noise": 0.004,
    "runs": [
        {"params": 1e7, "tokens": 1e9 * (i + 1), "seed": 0, "flops": 6e16, "spread": 0.02 - 0.002 * i}
        | {"low": 2.21 + 0.01 * i, "high": 2.39 - 0.01 * i, "worth": i == 0}
        for i in range(3)
    ],
    "said": "Train the first run.",
    "notes": ["A note."],
}
WATCH = {
    "groups": [
        {"what": "largest", "runs": 2, "verdict": "on the law", "sentence": "The 2 largest runs lie on the law."}
    ],
    "flying": [
        {"name": "rung 5", "status": "behind", "sentence": "The run is behind.", "params": 3.2e7, "tokens": 1.28e9}
        | {"end": [3.0, 2.9, 3.1]}
        | {
            "blocks": {
                "tokens": [2e8, 4e8],
                "measured": [3.6, 3.4],
                "loss": [3.5, 3.3],
                "low": [3.4, 3.2],
                "high": [3.6, 3.4],
            }
        }
    ],
}
BACKTEST = {
    "said": "4 forecasts of dearer runs from cheaper ones.",
    "targets": 4,
    "coverage": [{"promised": 0.5, "held": 0.5}, {"promised": 0.9, "held": 0.75}],
    "by_ratio": [{"low": 1.0, "high": 4.0, "targets": 4, "error": 0.01, "held": 0.75}],
    "points": {"ratio": [1.0, 2.0, 4.0, 4.0], "error": [0.1, -0.5, 1.0, 2.0], "held": [True, True, True, False]},
}
