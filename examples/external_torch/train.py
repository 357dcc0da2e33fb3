"""A small GPT in PyTorch that knows nothing of isoflop: an example of a trainer of one's own.

    python train.py --width 64 --tokens 500000 --out run/

It reads bytes of text, trains with AdamW on a cosine schedule, and appends a JSON object a logging step to
OUT/metrics.jsonl. OUT/checkpoint.pt is written every --save-every steps and at SIGTERM, and a run that finds one goes
on from it: text, weights and optimiser are those of an unbroken run, bit for bit on one CPU thread.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import sys
import sysconfig
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

VOCABULARY = 256


class Block(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, context, width = x.shape
        shape = (batch, context, 3, self.heads, width // self.heads)
        q, k, v = self.qkv(self.norm_attention(x)).view(shape).permute(2, 0, 3, 1, 4)
        heads = scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(heads.transpose(1, 2).reshape(batch, context, width))
        return x + self.down(gelu(self.up(self.norm_mlp(x))))


class GPT(nn.Module):
    def __init__(self, width: int, depth: int, context: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(VOCABULARY, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, max(1, width // 32)) for _ in range(depth)))
        self.norm = nn.LayerNorm(width, bias=False)
        for weight in self.parameters():
            if weight.dim() == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(self, window: Tensor) -> Tensor:
        """Mean cross-entropy, nats a byte, of windows (batch, context + 1)."""
        x = self.tokens(window[:, :-1]) + self.positions.weight
        logits = self.norm(self.blocks(x)) @ self.tokens.weight.T
        return cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())


def read_text(path: Path | None) -> Tensor:
    """Bytes of a file; without one, of the sources of Python's own standard library."""
    if path is not None:
        text = path.read_bytes()
    else:
        sources = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
        text = b"".join(source.read_bytes() for source in sources)[:4_000_000]
    return torch.frombuffer(bytearray(text), dtype=torch.uint8).long()


def windows(text: Tensor, starts: Tensor, context: int) -> Tensor:
    return text[starts[:, None] + torch.arange(context + 1)]


def draw(text: Tensor, seed: int, step: int, batch: int, context: int) -> Tensor:
    """The batch of a step, by seed and step alone, so that a resumed run reads what an unbroken one reads."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
    return windows(text, torch.randint(len(text) - context, (batch,), generator=generator), context)


def rate(peak: float, step: int, steps: int) -> float:
    warmup = max(1, steps // 20)
    return peak * min((step + 1) / warmup, 0.5 * (1 + math.cos(math.pi * step / steps)))


def train(options: argparse.Namespace) -> int:
    torch.manual_seed(options.seed)
    model = GPT(options.width, options.depth, options.context)
    if options.count:
        print(sum(weight.numel() for weight in model.parameters()))
        return 0
    text = read_text(options.text)
    cut = int(0.95 * len(text))
    adam = torch.optim.AdamW(model.parameters(), lr=options.lr, betas=(0.9, 0.95), weight_decay=0.1)
    a_step = options.batch * options.context
    steps = math.ceil(options.tokens / a_step)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint, log = options.out / "checkpoint.pt", options.out / "metrics.jsonl"
    first = load(checkpoint, model, adam)
    print(f"step {first} of {steps}, {a_step} tokens each", flush=True)
    asked_to_stop = []
    signal.signal(signal.SIGTERM, lambda *_: asked_to_stop.append(True))
    for step in range(first, steps):
        for group in adam.param_groups:
            group["lr"] = rate(options.lr, step, steps)
        loss = model(draw(text[:cut], options.seed, step, options.batch, options.context))
        adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        done = step + 1
        if done % options.log_every == 0 or done == steps:
            line = {"step": done, "tokens": done * a_step, "train_loss": loss.item(), "lr": adam.param_groups[0]["lr"]}
            append(log, line)
        if asked_to_stop or done % options.save_every == 0 or done == steps:
            save(checkpoint, model, adam, done)
        if asked_to_stop and done < steps:
            print("saved, and stopping as asked", flush=True)
            return 143
    append(log, {"step": steps, "tokens": steps * a_step, "val_loss": evaluate(model, text[cut:], options.context)})
    return 0


@torch.no_grad()
def evaluate(model: GPT, text: Tensor, context: int) -> float:
    """Over 256 windows spread over the held-out text."""
    starts = torch.linspace(0, len(text) - context - 1, 256).long()
    losses = [model(windows(text, part, context)).item() for part in starts.split(32)]
    return sum(losses) / len(losses)


def append(log: Path, line: dict[str, float]) -> None:
    with log.open("a") as file:
        file.write(json.dumps(line) + "\n")


def save(path: Path, model: GPT, adam: torch.optim.AdamW, step: int) -> None:
    """Beside, then over: a kill leaves the old checkpoint or the new one."""
    torch.save({"model": model.state_dict(), "adam": adam.state_dict(), "step": step}, path.with_suffix(".new"))
    os.replace(path.with_suffix(".new"), path)


def load(path: Path, model: GPT, adam: torch.optim.AdamW) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    adam.load_state_dict(state["adam"])
    return int(state["step"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, required=True, help="a multiple of 32")
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--context", type=int, default=64)
    parser.add_argument("--batch", type=int, default=16, help="sequences a step")
    parser.add_argument("--tokens", type=int, default=500_000)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--text", type=Path, help="a file; without it, the sources of Python's standard library")
    parser.add_argument("--out", type=Path, default=Path("run"))
    parser.add_argument("--log-every", type=int, default=5)
    parser.add_argument("--save-every", type=int, default=50)
    parser.add_argument("--count", action="store_true", help="print the number of parameters and stop")
    return train(parser.parse_args())


if __name__ == "__main__":
    sys.exit(main())
