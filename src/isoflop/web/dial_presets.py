"""Where the dial may be set at once: from a laptop to the end of the decade. Settings are those of the page's link."""

from __future__ import annotations

from typing import Any

PRESETS: tuple[dict[str, Any], ...] = (
    {
        "key": "laptop",
        "label": "A laptop for an hour",
        "line": "One trillion operations a second for an hour: enough to see scaling at work, not enough for a "
        "useful model.",
        "settings": {"mode": "compute", "C": 3.6e15},
    },
    {
        "key": "gaming",
        "label": "One gaming card for a day",
        "line": "An RTX 4090 overnight and then some: the scale of a course exercise.",
        "settings": {"mode": "machines", "gpus": 1, "days": 1, "chip": "RTX-4090"},
    },
    {
        "key": "student",
        "label": "A student's $1,000",
        "line": "Rented H100 hours. What a thesis can train from scratch.",
        "settings": {"mode": "money", "usd": 1000, "basis": "rental"},
    },
    {
        "key": "laboratory",
        "label": "64 GPUs for a month",
        "line": "A university laboratory's share of a cluster.",
        "settings": {"mode": "machines", "gpus": 64, "days": 30},
    },
    {
        "key": "chinchilla",
        "label": "Chinchilla, 2022",
        "line": "70B parameters on 1.4T tokens: the run that made 20 tokens a parameter the rule of thumb.",
        "settings": {"mode": "sizes", "N": 7e10, "D": 1.4e12, "chip": "TPUv4"},
    },
    {
        "key": "small-served",
        "label": "Small, for many readers",
        "line": "As much compute as Llama 3 8B took, to serve 100T tokens: the best size falls far below the one that "
        "is best for training alone.",
        "settings": {"mode": "compute", "C": 7.2e23, "served": 1e14},
    },
    {
        "key": "llama",
        "label": "Llama 3.1 405B, 2024",
        "line": "405B parameters on 15.6T tokens, with the 16,384 H100 that its makers name.",
        "settings": {"mode": "sizes", "N": 4.05e11, "D": 1.56e13, "days": 80},
    },
    {
        "key": "hundred-million",
        "label": "$100M of rented GPUs",
        "line": "What the largest runs of 2023 and 2024 were said to cost, on today's H100 prices.",
        "settings": {"mode": "money", "usd": 1e8, "basis": "rental", "days": 90},
    },
    {
        "key": "frontier-2030",
        "label": "The 2030 frontier",
        "line": "Where a typical frontier run stands around 2030 if growth goes on. All of it is far past the data.",
        "settings": {"mode": "compute", "C": 1e29, "chip": "GB200", "days": 120},
    },
)
