"""Which of the logged quantities is the loss, what counts its tokens, and what only the reader can know.

Names are compared folded: lower case, with everything but letters and digits as ``_``. What is found by name is said in
a note; what could be two things, or isn't there, is asked for, all at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from isoflop.counting import PARAMS_CONVENTIONS
from isoflop.errors import RunsError, did_you_mean
from isoflop.runs.columns import COLUMNS
from isoflop.runs.importers.contract import Logged, printable
from isoflop.runs.importers.ending import SHARE
from isoflop.runs.reading import LOSS_UNITS

HELD_OUT = (
    "eval_loss", "val_loss", "valid_loss", "validation_loss", "validation_metrics_loss", "loss_val", "loss_eval",
    "loss_validation", "lm_loss_validation", "lm_loss_validation_lm_loss_validation", "eval_lm_loss", "val_bpb",
)  # fmt: skip
"""HF Trainer, nanoGPT, litgpt, Lightning, torchtitan, Megatron-LM, nanochat."""
TRAINING = (
    "train_loss", "training_loss", "loss", "lm_loss", "loss_train", "train_lm_loss", "train_ce_loss",
    "train_crossentropyloss", "loss_metrics_global_avg_loss", "lm_loss_training_lm_loss", "train_loss_step",
)  # fmt: skip
TOKENS = (
    "total_tokens", "tokens_total", "tokens_seen", "n_tokens_seen", "ntokens_seen", "num_input_tokens_seen",
    "train_num_input_tokens_seen", "consumed_tokens", "consumed_train_tokens", "train_tokens",
    "throughput_total_tokens", "n_tokens", "num_tokens", "tokens",
)  # fmt: skip
STEP = (
    "train_global_step", "trainer_global_step", "global_step", "iter", "iteration", "step", "train_step",
    "optimizer_step", "train_iter",
)  # fmt: skip
LR = (
    "lr",
    "learning_rate",
    "train_learning_rate",
    "train_lr",
    "lrm",
    "train_lrm",
    "optim_lr",
    "learning_rate_learning_rate",
)
PARAMS = ("params", *(alias for alias in COLUMNS["params"].aliases if len(alias) > 1), "params_total", "total_params")
TOKENS_PER_STEP = ("tokens_per_step", "batch_tokens", "tokens_per_iter", "tokens_per_batch", "global_batch_tokens")
CARRIED = ("seed", "depth", "width", "unique_tokens", "bytes_per_token", "schedule", "recipe", "trunk")
"""Facts that become columns of the table of runs, by their aliases."""


class OpenQuestions(RunsError):
    """The source was read, and doesn't say all that a row of runs needs; the text asks for what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the reader said. None: whatever the source says.

    loss, tokens, step, lr: names of logged quantities. params: of all runs; params_of: of a run by name; params_fact:
    the name of a fact. tokens_per_step: a number, or the name of a fact. share: of the tokens at the end, over which a
    training loss is smoothed.
    """

    loss: str | None = None
    tokens: str | None = None
    step: str | None = None
    lr: str | None = None
    params: float | None = None
    params_of: Mapping[str, float] = field(default_factory=dict)
    params_fact: str | None = None
    tokens_per_step: float | str | None = None
    loss_unit: str | None = None
    bytes_per_token: float | None = None
    params_convention: str | None = None
    share: float = SHARE


@dataclass(frozen=True, slots=True)
class Chosen:
    """What is taken for what. curve: the quantity whose curve is kept, the training loss where it was logged."""

    loss: str
    curve: str
    held_out: bool
    loss_unit: str
    curve_unit: str
    params_convention: str
    tokens: str | None
    step: str | None
    lr: str | None
    params: Mapping[str, float]
    tokens_per_step: Mapping[str, float]
    notes: tuple[str, ...]


def folded(name: str) -> str:
    """``Eval/Loss`` and ``eval_loss`` are one name."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def choose(runs: Sequence[Logged], asked: Asked, source: str) -> Chosen:
    """What is taken for what in these runs. Raises RunsError with every question that is open."""
    names = list(dict.fromkeys(name for run in runs for name in run.series))
    questions: list[str] = []
    loss, held_out = _loss(names, asked, source, questions)
    tokens = _named(asked.tokens, TOKENS, names, source, "--tokens")
    step = None if tokens else _step(runs, names, asked, source, questions)
    lr = _named(asked.lr, LR, names, source, "--lr") or next((n for n in names if folded(n).startswith("lr_")), None)
    params = _per_run(runs, asked.params_of, asked.params, asked.params_fact, PARAMS, "--params", source)
    per_step = asked.tokens_per_step
    number, fact = (None, per_step) if isinstance(per_step, str) else (per_step, None)
    steps = {} if tokens else _per_run(runs, {}, number, fact, TOKENS_PER_STEP, "--tokens-per-step", source)
    unit = _unit(loss, runs, asked, questions)
    convention = _convention(runs, asked, questions)
    _ask_numbers(runs, params, steps, tokens, questions)
    if questions:
        raise OpenQuestions(
            f"{source} doesn't say all that a table of runs needs. Known: {_some(names)}. Still asked for:"
            + "".join(f"\n  {question}" for question in questions)
        )
    training = None if asked.loss else next((n for wanted in TRAINING for n in names if folded(n) == wanted), None)
    curve = training or loss
    curve_unit = _own_unit(curve) or (unit if curve == loss else _unit(curve, runs, asked, []))
    notes = _notes(loss, held_out, tokens, step, lr, asked)
    return Chosen(loss, curve, held_out, unit, curve_unit, convention, tokens, step, lr, params, steps, notes)


def _loss(names: Sequence[str], asked: Asked, source: str, questions: list[str]) -> tuple[str, bool]:
    if asked.loss:
        loss = _known(asked.loss, names, source, "--loss")
        return loss, bool(re.search(r"eval|val|held|test", folded(loss)))
    for wanted, held_out in ((HELD_OUT, True), (TRAINING, False)):
        found = [name for known in wanted for name in names if folded(name) == known]
        nats = [name for name in found if not _own_unit(name)]
        if len(nats or found) == 1 or (found and not held_out):
            return (nats or found)[0], held_out
        if found:
            questions.append(f"which held-out loss to take: --loss {' or --loss '.join(map(_quoted, found))}")
            return found[0], held_out
        if held_out and (close := [n for n in names if re.search(r"(eval|val).*loss", folded(n))]):
            if len(close) == 1:
                return close[0], True
            questions.append(f"which held-out loss to take: --loss {' or --loss '.join(map(_quoted, close[:6]))}")
            return close[0], True
    if not names:
        raise RunsError(f"{source} holds no logged numbers at all. Give the log of a run that has started.")
    close = [name for name in names if "loss" in folded(name) or "entropy" in folded(name)]
    maybe = f" Perhaps {', '.join(map(_quoted, close[:6]))}." if close else ""
    raise RunsError(
        f"{source} shows no loss under a known name. It has {_some(names)}.{maybe} Looked for such as {HELD_OUT[0]}, "
        f"{HELD_OUT[1]}, {TRAINING[0]} and {TRAINING[2]}. Name it with --loss NAME."
    )


def _step(runs: Sequence[Logged], names: Sequence[str], asked: Asked, source: str, questions: list[str]) -> str | None:
    counts = next((run.steps_are for run in runs if run.steps_are != "training steps"), None)
    if asked.step and not (counts and asked.step.lower() in ("_step", "step") and asked.step not in names):
        return _known(asked.step, names, source, "--step")
    if counts is None or asked.step:
        return None
    step = _named(None, STEP, names, source, "--step")
    if step is None:
        questions.append(
            f"what counts training steps: the source counts {counts}. --step NAME of a logged count, or --step _step "
            "if each training step was one call"
        )
    return step


def _named(asked: str | None, known: Sequence[str], names: Sequence[str], source: str, option: str) -> str | None:
    if asked:
        return _known(asked, names, source, option)
    return next((name for wanted in known for name in names if folded(name) == wanted), None)


def _known(asked: str, names: Sequence[str], source: str, option: str) -> str:
    same = [name for name in names if name == asked] or [name for name in names if folded(name) == folded(asked)]
    if not same:
        raise RunsError(
            f"Nothing named '{asked}' was logged in {source}. Known: {_some(names)}.{did_you_mean(asked, names)} Name "
            f"one of them with {option}."
        )
    return same[0]


def _per_run(
    runs: Sequence[Logged],
    by_name: Mapping[str, float],
    number: float | None,
    fact: str | None,
    known: Sequence[str],
    option: str,
    source: str,
) -> dict[str, float]:
    """A number a run: as asked for by the run's name, or for all, or from a fact; runs without one are left out."""
    if strangers := [name for name in by_name if name not in {run.name for run in runs}]:
        names = [run.name for run in runs]
        raise RunsError(
            f"There is no run '{strangers[0]}' in {source}. Known: {_some(names)}.{did_you_mean(strangers[0], names)} "
            f"Write {option} RUN=NUMBER with one of these."
        )
    if fact and not any(fact in run.facts for run in runs):
        names = list(dict.fromkeys(name for run in runs for name in run.facts))
        raise RunsError(
            f"No run of {source} has a fact named '{fact}'. Known: {_some(names)}.{did_you_mean(fact, names)} Give "
            f"{option} a number such as 124M, or one of these names."
        )
    found = {run.name: by_name.get(run.name, number) for run in runs}
    for run in runs:
        if found[run.name] is None:
            found[run.name] = fact_of(run, (folded(fact),) if fact else known)
    return {name: value for name, value in found.items() if value is not None}


def fact_of(run: Logged, names: Sequence[str]) -> float | None:
    """The first positive number among a run's facts under one of these names, in full or by its last part."""
    for wanted in names:
        for name, value in run.facts.items():
            if wanted in (folded(name), folded(name.rpartition(".")[2])):
                try:
                    number = float(str(value).replace(",", ""))
                except ValueError:
                    continue
                if 0 < number < float("inf"):
                    return number
    return None


def _own_unit(name: str) -> str | None:
    return "bits_per_byte" if "bpb" in folded(name).split("_") else None


def _unit(loss: str, runs: Sequence[Logged], asked: Asked, questions: list[str]) -> str:
    known = {unit for run in runs if (unit := run.known.get("loss_unit"))}
    unit = asked.loss_unit or _own_unit(loss) or (known.pop() if len(known) == 1 else None)
    if unit is None:
        questions.append(
            f"the unit of '{loss}': --loss-unit {', '.join(LOSS_UNITS)}; a cross-entropy by PyTorch is nats"
        )
    return unit or "nats"


def _convention(runs: Sequence[Logged], asked: Asked, questions: list[str]) -> str:
    said = {str(run.facts.get("params_convention") or run.known.get("params_convention") or "") for run in runs}
    known = said.pop() if len(said) == 1 else ""
    if not asked.params_convention and known not in PARAMS_CONVENTIONS:
        questions.append(f"how the parameters were counted: --params-convention {', '.join(PARAMS_CONVENTIONS)}")
    own = asked.params is not None or asked.params_of or asked.params_fact
    if asked.params_convention and known and asked.params_convention != known and not own:
        questions.append(f"parameters counted as {asked.params_convention}: the source's are {known}. --params 124M")
    return asked.params_convention or known


def _ask_numbers(
    runs: Sequence[Logged],
    params: Mapping[str, float],
    steps: Mapping[str, float],
    tokens: str | None,
    questions: list[str],
) -> None:
    if lacking := [run.name for run in runs if run.name not in params]:
        one = f" or --params '{lacking[0]}=124M' for each" if len(runs) > 1 else ""
        questions.append(f"the parameters of {_some(lacking)}: --params 124M, or the name of a logged setting{one}")
    if not tokens and (lacking := [run.name for run in runs if run.name not in steps]):
        questions.append(
            f"the tokens of {_some(lacking)}: --tokens-per-step 524288 (batch × context × devices × accumulation), or "
            "--tokens NAME of a logged count"
        )


def _notes(
    loss: str, held_out: bool, tokens: str | None, step: str | None, lr: str | None, asked: Asked
) -> tuple[str, ...]:
    notes = []
    if not asked.loss:
        notes.append(
            f"'{loss}' is taken for the loss."
            + ("" if held_out else " It is of training text: none held out was found.")
        )
    if tokens and not asked.tokens:
        notes.append(f"'{tokens}' is taken for the tokens seen.")
    if step and not asked.step:
        notes.append(f"'{step}' counts the training steps.")
    if lr and not asked.lr:
        notes.append(f"'{lr}' is taken for the learning rate.")
    return tuple(notes)


def _some(names: Sequence[str], most: int = 20) -> str:
    return (
        ", ".join(printable(name[:80]) for name in names[:most])
        + (f" and {len(names) - most} more" if len(names) > most else "")
        or "nothing"
    )


def _quoted(name: str) -> str:
    return f"'{name}'" if re.search(r"[^\w./-]", name) else name
