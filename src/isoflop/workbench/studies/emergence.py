"""Emergence and metrics: the same answers of the same models by exact match, by token and by probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from isoflop.errors import BadInput
from isoflop.report.figures import Chart
from isoflop.report.tables import Table
from isoflop.units import format_count
from isoflop.workbench.studies.finding import Finding, Material, Measure, Verdict

EXACT, TOKENS, PROBABILITY = "exact match", "tokens right", "probability of a right token"
LEARNED, UNSEEN = 0.5, 0.1
"""A skill is learned if the longest training gets more than half of its answers right; exact match shows nothing of it
below a tenth (chosen)."""

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Skill:
    """One size on one task and level over its lengths of training.

    tokens: D, (lengths,). exact, right, logprob: of each answer, (lengths, items). answer: tokens of an answer.
    """

    params: float
    task: str
    level: int
    tokens: Array
    exact: Array
    right: Array
    logprob: Array
    answer: int

    def metrics(self, items: NDArray[np.int64] | slice = slice(None)) -> dict[str, Array]:
        """Metric -> its value after each length, (lengths,), over the given items."""
        return {
            EXACT: self.exact[:, items].mean(axis=1),
            TOKENS: self.right[:, items].mean(axis=1) / self.answer,
            PROBABILITY: np.exp(self.logprob[:, items].mean(axis=1) / self.answer),
        }


def judge(material: Material, *, level: float = 0.9, replicates: int = 400, seed: int = 0) -> Finding:
    """Of skills that were learned: how much of the gain by other metrics came before exact match showed any, and how
    much in one doubling of training. Of skills that were not: what exact match hides."""
    skills = _skills(material)
    learned = [s for s in _hardest(skills, learned=True) if s.exact[0].mean() < UNSEEN]
    hidden = _hardest(skills, learned=False)
    before, draws = _before(learned, replicates, seed)
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2]) if len(learned) else (np.nan, np.nan)
    steps = {name: _largest_step(learned, name) for name in (EXACT, TOKENS, PROBABILITY)}
    gap, unseen = _independence(skills), _ends(hidden)
    return Finding(
        answer=" ".join(filter(None, [_said_of_learned(learned, steps), _said_of_hidden(hidden, unseen)])),
        verdict=_verdict(before, steps, unseen),
        because=_because(steps, before, unseen),
        measures=(
            Measure(
                name="gain in log-probability made before exact match shows, learned skills",
                value=100 * before,
                low=100 * float(low),
                high=100 * float(high),
                unit="%",
            ),
            *(
                Measure(name=f"largest share gained in one doubling: {k}", value=100 * v, unit="%")
                for k, v in steps.items()
            ),
            Measure(name="tokens right at last, where exact match shows nothing", value=100 * unseen[1], unit="%"),
            Measure(name="the same at first", value=100 * unseen[0], unit="%"),
            Measure(name="mean distance of exact match from (tokens right)^L", value=100 * gap, unit="%"),
        ),
        table=_table(skills),
        shows_not=(
            (
                f"Two made-up tasks and models of up to {format_count(max(s.params for s in skills))} parameters; "
                "whether abilities of large models emerge is another question."
            ),
            f"{skills[0].exact.shape[1]} questions a level: exact match below 5 % is not told from none.",
            "Lengths of training, not sizes, make the axis; within a doubling nothing was looked at.",
        ),
        level=level,
        drawn={"shown": [group[-1] for group in (learned, hidden) if group]},
    )


def _said_of_learned(learned: list[_Skill], steps: dict[str, float]) -> str:
    if not learned:
        return "No skill was learned."
    return (
        f"{_named(learned)} made {steps[EXACT]:.0%} of the whole gain in exact match within one doubling of training, "
        f"and by tokens right {steps[TOKENS]:.0%}, by the probability of a token {steps[PROBABILITY]:.0%}."
    )


def _said_of_hidden(hidden: list[_Skill], ends: tuple[float, float]) -> str:
    if not hidden:
        return ""
    last = max(float(skill.exact[-1].mean()) for skill in hidden)
    largest = format_count(max(skill.params for skill in hidden))
    return (
        f"{_named(hidden)}, in models of up to {largest} parameters, stayed at {last:.0%} exact match or less, while "
        f"tokens right rose from {ends[0]:.0%} to {ends[1]:.0%}."
    )


def _because(steps: dict[str, float], before: float, ends: tuple[float, float]) -> str:
    parts = ["By Schaeffer et al. a sharp gain comes from a metric that asks for every token at once."]
    if np.isfinite(before) and _jumps(steps):
        parts.append(
            "The learned skill does not bear that out: its tokens come right within the same doubling, with "
            f"{before:.0%} of the gain in log-probability made before. That is a change in what the model does, not in "
            "how it is scored."
        )
    elif np.isfinite(before):
        parts.append(
            f"The learned skill does: {before:.0%} of the gain in log-probability came before exact match moved."
        )
    if ends[1] - ends[0] > UNSEEN:
        parts.append("The skill that was not learned does: it progressed by token, and exact match hides that.")
    return " ".join(parts)


def _jumps(steps: dict[str, float]) -> bool:
    """Whether the tokens themselves came at once: more than half of their gain in one doubling."""
    return steps[TOKENS] > 1 / 2


def _verdict(before: float, steps: dict[str, float], ends: tuple[float, float]) -> Verdict:
    if not np.isfinite(before):
        return "undecided"
    if not _jumps(steps):
        return "agrees" if before > 1 / 3 and steps[EXACT] > max(steps[TOKENS], steps[PROBABILITY]) else "undecided"
    return "partly agrees" if ends[1] - ends[0] > UNSEEN else "disagrees"


def _named(skills: list[_Skill]) -> str:
    """``copy at level 6``, over all sizes."""
    names = sorted({f"{skill.task} at level {skill.level}" for skill in skills})
    text = ", ".join(names)
    return text[:1].upper() + text[1:]


def _ends(skills: list[_Skill]) -> tuple[float, float]:
    """Tokens right after the first and the last length, in the mean over skills."""
    if not skills:
        return float("nan"), float("nan")
    values = np.mean([skill.metrics()[TOKENS][[0, -1]] for skill in skills], axis=0)
    return float(values[0]), float(values[1])


def charts(finding: Finding) -> dict[str, Chart]:
    """A learned skill and one that exact match does not show, each by three metrics."""
    from isoflop.report.studying import metrics_chart

    drawn: dict[str, Chart] = {}
    for skill in finding.drawn["shown"]:
        drawn[f"emergence-{skill.task}-{skill.level}"] = metrics_chart(
            _curve(skill),
            title=_title(skill),
            subtitle=(
                f"N = {format_count(skill.params)}, {skill.exact.shape[1]} questions with answers of {skill.answer} "
                "tokens. Bars: one standard error over questions."
            ),
        )
    return drawn


def _title(skill: _Skill) -> str:
    """What the two metrics in question did from first to last."""
    ends = {name: values[[0, -1]] for name, values in skill.metrics().items()}
    said = [f"{name} from {first:.0%} to {last:.0%}" for name, (first, last) in ends.items() if name != PROBABILITY]
    return f"{skill.task.capitalize()}, level {skill.level}: {', '.join(said)}"


def _skills(material: Material) -> list[_Skill]:
    if material.scores is None:
        raise BadInput("The study of emergence needs its scores. Run it with --run, or look at the shipped sample.")
    skills = []
    ordered = material.scores.sort("N", "task", "level", "D", "item")
    for (params, task, level), own in ordered.group_by(["N", "task", "level"], maintain_order=True):
        tokens = own["D"].unique(maintain_order=True).to_numpy().astype(float)

        def grid(name: str, own: pl.DataFrame = own, lengths: int = len(tokens)) -> Array:
            return own[name].to_numpy().astype(float).reshape(lengths, -1)

        skills.append(
            _Skill(
                params=float(params),
                task=str(task),
                level=int(level),
                tokens=tokens,
                exact=grid("exact"),
                right=grid("tokens_correct"),
                logprob=grid("logprob"),
                answer=int(own["tokens"][0]),
            )
        )
    return skills


def _hardest(skills: list[_Skill], *, learned: bool) -> list[_Skill]:
    """Of each size and task the hardest level that was learned; or the hardest of which exact match shows nothing."""
    found = []
    for params, task in sorted({(s.params, s.task) for s in skills}):
        own = sorted((s for s in skills if (s.params, s.task) == (params, task)), key=lambda s: s.level)
        last = [(skill, skill.exact[-1].mean()) for skill in own]
        fitting = [skill for skill, exact in last if (exact > LEARNED if learned else exact <= UNSEEN)]
        found += fitting[-1:]
    return found


def _before(skills: list[_Skill], replicates: int, seed: int) -> tuple[float, Array]:
    """Mean over skills of the share of the gain in log-probability made before exact match shows; and draws of it by
    drawing the questions anew."""
    if not skills:
        return float("nan"), np.array([])
    generator = np.random.default_rng(seed)

    def mean(draw: bool) -> float:
        shares = []
        for skill in skills:
            count = skill.exact.shape[1]
            items = generator.integers(count, size=count) if draw else np.arange(count)
            shares.append(_share_before(skill.exact[:, items].mean(axis=1), skill.logprob[:, items].mean(axis=1)))
        return float(np.mean(shares))

    return mean(draw=False), np.array([mean(draw=True) for _ in range(replicates)])


def _share_before(exact: Array, logprob: Array) -> float:
    """Of the rise of ``logprob`` from first to last, what was made at the last length before ``exact`` shows."""
    shows = np.flatnonzero(exact >= UNSEEN)
    last = max(int(shows[0]) - 1, 0) if len(shows) else len(exact) - 1
    return float((logprob[last] - logprob[0]) / (logprob[-1] - logprob[0]))


def _largest_step(skills: list[_Skill], name: str) -> float:
    """Mean over skills of the largest rise between neighbouring lengths, over the whole rise."""
    steps = []
    for skill in skills:
        values = skill.metrics()[name]
        steps.append(float(np.diff(values).max() / (values.max() - values.min())))
    return float(np.mean(steps)) if steps else float("nan")


def _independence(skills: list[_Skill]) -> float:
    """Mean absolute difference of exact match from what independent errors would make of the tokens right."""
    gaps = [np.abs(m[EXACT] - m[TOKENS] ** skill.answer) for skill in skills for m in [skill.metrics()]]
    return float(np.mean(np.concatenate(gaps)))


def _curve(skill: _Skill) -> pl.DataFrame:
    count = skill.exact.shape[1]
    frames = []
    spread = {
        EXACT: skill.exact.std(axis=1),
        TOKENS: skill.right.std(axis=1) / skill.answer,
        PROBABILITY: skill.metrics()[PROBABILITY] * skill.logprob.std(axis=1) / skill.answer,
    }
    for name, value in skill.metrics().items():
        error = spread[name] / np.sqrt(count)
        low, high = np.clip(value - error, 0, 1), np.clip(value + error, 0, 1)
        columns = {"tokens": skill.tokens, "value": value, "low": low, "high": high}
        frames.append(pl.DataFrame({"what": [name] * len(value), **columns}))
    return pl.concat(frames)


def _table(skills: list[_Skill]) -> Table:
    """Every level of every task at the largest size, after each length."""
    largest = max(skill.params for skill in skills)
    rows = []
    for skill in (s for s in skills if s.params == largest):
        row: dict[str, object] = {"task": f"{skill.task} {skill.level}"}
        values = skill.metrics()
        for i, tokens in enumerate(skill.tokens):
            row[f"{tokens:g}"] = " · ".join(f"{values[name][i]:.0%}" for name in (EXACT, TOKENS, PROBABILITY))
        rows.append(row)
    titles = {f"{t:g}": f"D = {format_count(t)}" for t in skills[-1].tokens}
    return Table(rows, titles={"task": f"N = {format_count(largest)}: exact · tokens · probability", **titles})
