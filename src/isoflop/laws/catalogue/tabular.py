"""Shapes for tables of any variables: what a search tries, made from the roles of the variables at hand.

Every shape is ``E + body``. The bodies, with i over the variables:

    sum          Σ A_i/i**a_i                                   Hoffmann et al. 2022, for more variables
    coupled      (Σ A_i/i**a_i)**k                              the q-family, see laws.catalogue.coupled
    product      A/Π i**a_i                                     Hestness et al. 2017; MoE tables
    bent by i    Σ_{j≠i} A_j/j**a_j + B Π_{j≠i} j**c_j/i**a_i   what i costs depends on the others; its coupled sibling
                 raises the whole to k
    monomials    products of free powers, added: every function convex in the logarithms is a limit of such sums
                 (Boyd et al. 2007, A tutorial on geometric programming), hence valleys of learning rate and batch
    saturating   A/(N**a (1 + K/s)**b)                          a count such as experts helps only beyond s
    streams      A/(N (1 + k log P))**a                         Chen et al. 2025, arXiv:2505.10475
    repeated     D replaced by D' = U' (1 + R (1 − exp(−(D/U' − 1)/R))), U' = min(U, D)
                                                                Muennighoff et al. 2023, arXiv:2305.16264, eq. 5
    overfitted   … + G (N/U)**p (D/U)**q                        repetition that hurts (ours: free of units)
    own share    exp(Σ_{j≠i} b_j r_j)/(r_i + s)**a and variants Ye et al. 2024, arXiv:2403.16952, with a floor s for
                 a domain that is absent

``shapes(parts)`` picks those that the roles allow. Which one describes a table is decided by how it extrapolates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from isoflop.laws.form import Form, Parameter, Variable
from isoflop.laws.roles import Part

Text = tuple[str, tuple[Parameter, ...]]
"""A piece of a formula with its parameters."""

MODEL_SIDE = ("size", "experts", "streams", "scale")
COUNTS = ("experts", "streams")
TUNED = ("rate", "batch")


@dataclass(frozen=True, slots=True)
class Shape:
    """``E + body``, or the body alone where offset is False."""

    name: str
    body: str
    parameters: tuple[Parameter, ...]
    offset: bool = True

    @property
    def size(self) -> int:
        """Number of parameters."""
        return len(self.parameters) + self.offset

    def form(self, parts: Sequence[Part]) -> Form:
        """The shape as a form of these variables."""
        formula = f"E + {self.body}" if self.offset else self.body
        offset = (_OFFSET,) if self.offset else ()
        return Form(formula, self.name, (*offset, *self.parameters), _variables(parts))

    def shared_form(self, parts: Sequence[Part], groups: Sequence[str]) -> Form:
        """One body for several groups, each with its own offset and factor.

        groups: symbols of variables that are 1 in their group and 0 elsewhere. The first group has the factor 1.
        """
        factors = [groups[0], *(f"f_{group}*{group}" for group in groups[1:])]
        body = f"({' + '.join(factors)})*({self.body})"
        own = [Parameter(f"f_{group}", "scale", 0.3, 3.0, f"factor of {group}") for group in groups[1:]]
        if self.offset:
            body = f"{' + '.join(f'E_{group}*{group}' for group in groups)} + {body}"
            own += [Parameter(f"E_{group}", "offset", 0.0, 3.0, f"offset of {group}") for group in groups]
        marks = tuple(Variable(group, group, "", "1 in its group, else 0") for group in groups)
        return Form(body, f"{self.name}, shared", (*own, *self.parameters), (*_variables(parts), *marks))


_OFFSET = Parameter("E", "offset", 0.0, 3.0, "what no amount of anything removes")


def _variables(parts: Iterable[Part]) -> tuple[Variable, ...]:
    return tuple(part.variable for part in parts)


def shapes(parts: Sequence[Part], own: Sequence[str] = ()) -> tuple[Shape, ...]:
    """Every shape that the roles of these variables allow, simplest first.

    own: for mixtures, the symbols of shares that the target may depend on most; the first share where none is given.
    """
    shares = [p.symbol for p in parts if p.role == "share"]
    tuned = [p for p in parts if p.role in TUNED]
    scales = [p for p in parts if p.role not in ("share", *TUNED)]
    if shares:
        found = [shape for symbol in own or shares[:1] for shape in _mixtures(shares, symbol, scales)]
    elif tuned:
        found = _valleys(scales, tuned)
    else:
        found = [*_general(scales), *_special(scales)]
    return tuple(sorted({shape.body: shape for shape in found}.values(), key=lambda shape: shape.size))


# pieces of formulas


def _term(symbol: str) -> Text:
    """A_i/i**a_i."""
    return f"A_{symbol}/{symbol}**a_{symbol}", (_scale(f"A_{symbol}"), _exponent(f"a_{symbol}"))


def _sum(symbols: Iterable[str]) -> Text:
    return _joined(" + ", [_term(symbol) for symbol in symbols])


def _product(tag: str, symbols: Sequence[str]) -> Text:
    """One term that falls with each of the variables."""
    powers = "*".join(f"{s}**{tag}_{s}" for s in symbols)
    return f"B_{tag}/({powers})", (_scale(f"B_{tag}"), *(_exponent(f"{tag}_{s}") for s in symbols))


def _bent(symbol: str, others: Sequence[str]) -> Text:
    """One term that falls with ``symbol`` and is bent either way by the others."""
    powers = "".join(f"*{s}**c_{s}" for s in others)
    reals = tuple(Parameter(f"c_{s}", "real", -0.5, 0.5) for s in others)
    return f"B_{symbol}{powers}/{symbol}**a_{symbol}", (_scale(f"B_{symbol}"), _exponent(f"a_{symbol}"), *reals)


def _monomial(tag: str, falling: Iterable[str], rising: Iterable[str], either: Iterable[str] = ()) -> Text:
    parts, parameters = [f"G_{tag}"], [_scale(f"G_{tag}")]
    for symbol, sign in (*((s, "-") for s in falling), *((s, "") for s in rising)):
        parts.append(f"{symbol}**({sign}{tag}_{symbol})")
        parameters.append(Parameter(f"{tag}_{symbol}", "exponent", 0.1, 2.0))
    for symbol in either:
        parts.append(f"{symbol}**{tag}_{symbol}")
        parameters.append(Parameter(f"{tag}_{symbol}", "real", -0.5, 0.5))
    return "*".join(parts), tuple(parameters)


def _joined(operator: str, texts: Sequence[Text]) -> Text:
    return operator.join(text for text, _ in texts), tuple(p for _, parameters in texts for p in parameters)


def _scale(symbol: str, low: float = 1e-3, high: float = 1e15) -> Parameter:
    return Parameter(symbol, "scale", low, high)


def _exponent(symbol: str) -> Parameter:
    return Parameter(symbol, "exponent", 0.05, 1.0)


_K = Parameter("k", "exponent", 0.25, 1.0, "how the terms share what is left")


def _coupled(name: str, text: Text) -> Shape:
    return Shape(name, f"({text[0]})**k", (*text[1], _K))


# shapes by role


def _general(scales: Sequence[Part]) -> list[Shape]:
    symbols = [p.symbol for p in scales]
    found = [Shape("sum", *_sum(symbols))]
    if len(symbols) == 1:
        return found
    found += [
        _coupled("coupled", _sum(symbols)),
        Shape("product", *_product("b", symbols)),
        Shape("two monomials", *_joined(" + ", [_monomial("u", (), (), symbols), _monomial("v", (), (), symbols)])),
    ]
    found += _sided(scales)
    for symbol in symbols:
        others = [s for s in symbols if s != symbol]
        text = _joined(" + ", [_sum(others), _bent(symbol, others)])
        found += [Shape(f"bent by {symbol}", *text), _coupled(f"bent by {symbol}, coupled", text)]
    for part in scales:
        if part.role == "data":
            found.append(_late(part.symbol, [s for s in symbols if s != part.symbol]))
    if len(symbols) == 2:
        found.append(_bilinear(symbols[0], symbols[1]))
    return found


def _sided(scales: Sequence[Part]) -> list[Shape]:
    """What the model is, in one product, beside what it learns from, in another."""
    model = [p.symbol for p in scales if p.role in MODEL_SIDE]
    data = [p.symbol for p in scales if p.role not in MODEL_SIDE]
    if len(model) < 1 or len(data) < 1 or len(scales) < 3:
        return []
    text = _joined(" + ", [_product("m", model), _product("d", data)])
    return [Shape("model and data", *text), _coupled("model and data, coupled", text)]


def _late(data: str, others: Sequence[str]) -> Shape:
    """Learning begins late: D counts from −h, since the first steps teach little (a warm-up)."""
    powers = "".join(f"*{s}**c_{s}" for s in others)
    reals = tuple(Parameter(f"c_{s}", "real", -0.5, 0.5) for s in others)
    text = f"B_{data}{powers}/({data} + h)**a_{data}"
    rest = _sum(others)
    floor = Parameter("h", "scale", 1e5, 1e9, "data that count before the first")
    return Shape(
        f"late {data}", f"{rest[0]} + {text}", (*rest[1], _scale(f"B_{data}"), _exponent(f"a_{data}"), floor, *reals)
    )


def _bilinear(first: str, second: str) -> Shape:
    """ln L = d − a ln x − b ln y + c ln x ln y: Clark et al. 2022, arXiv:2202.01169, eq. 1, without an offset."""
    body = f"{first}**(c*log({second}) - a_{first})*B/{second}**b"
    reals = (Parameter("c", "real", -0.02, 0.02), Parameter("a_" + first, "real", 0.0, 0.3))
    return Shape("bilinear in logs", body, (*reals, _scale("B"), _exponent("b")), offset=False)


def _special(scales: Sequence[Part]) -> list[Shape]:
    by_role = {p.role: p.symbol for p in scales}
    found: list[Shape] = []
    size, data, unique = (by_role.get(role) for role in ("size", "data", "unique"))
    for count in (p.symbol for p in scales if p.role in COUNTS):
        found += _counted(count, [p.symbol for p in scales if p.symbol != count])
    if "streams" in by_role and size:
        found.append(
            _streams(by_role["streams"], size, [s for r, s in by_role.items() if r not in ("size", "streams")])
        )
    if unique and data and size:
        found += _repeated(size, data, unique)
    return found


def _counted(count: str, others: Sequence[str]) -> list[Shape]:
    """A count that helps only beyond s, and, in the second shape, only up to t."""
    if not others:
        return []
    text, parameters = _product("b", others)
    start = _scale("s", 0.3, 30.0)
    beyond = Shape(
        f"saturating {count}", f"{text}/(1 + {count}/s)**b_{count}", (*parameters, start, _exponent(f"b_{count}"))
    )
    ceiling = Shape(
        f"saturating {count}, both ends",
        f"{text}*(1/(1 + {count}/s) + t)**b_{count}",
        (*parameters, start, _scale("t", 1e-4, 0.1), _exponent(f"b_{count}")),
    )
    return [beyond, ceiling]


def _streams(streams: str, size: str, others: Sequence[str]) -> Shape:
    rest = _sum(others)
    body = f"A/({size}*(1 + t*log({streams})))**a" + (f" + {rest[0]}" if others else "")
    return Shape("worth of streams", body, (_scale("A"), _scale("t", 0.05, 1.0), _exponent("a"), *rest[1]))


def _repeated(size: str, data: str, unique: str) -> list[Shape]:
    distinct = f"min({unique}, {data})"
    worth = f"({distinct}*(1 + q*(1 - exp((1 - {data}/{distinct})/q))))"
    decay = Parameter("q", "scale", 1.0, 60.0, "repetitions after which a token's worth has decayed to 1/e")
    n, nothing = _term(size), _term(data)
    plain = (f"{n[0]} + A_{data}/{worth}**a_{data}", (*n[1], *nothing[1], decay))
    harm = _harm(size, data, unique)
    with_unique = _joined(" + ", [n, nothing, _term(unique)])
    coupled = f"({plain[0]})**k", (*plain[1], _K)
    coupled_unique = f"({with_unique[0]})**k", (*with_unique[1], _K)
    return [
        Shape("repeated", *plain),
        Shape("repeated, coupled", *coupled),
        Shape("repeated and overfitted", *_joined(" + ", [plain, harm])),
        Shape("repeated and overfitted, coupled", *_joined(" + ", [coupled, harm])),
        Shape("sum, overfitted", *_joined(" + ", [with_unique, harm])),
        Shape("coupled, overfitted", *_joined(" + ", [coupled_unique, harm])),
    ]


def _harm(size: str, data: str, unique: str) -> Text:
    """What too many repetitions of too few tokens cost a large model."""
    parameters = (_scale("G"), Parameter("p", "exponent", 0.2, 2.0), Parameter("w", "exponent", 0.2, 2.0))
    return f"G*({size}/{unique})**p*({data}/{unique})**w", parameters


def _valleys(scales: Sequence[Part], tuned: Sequence[Part]) -> list[Shape]:
    """A floor that falls with size and data, and walls around the best learning rate and batch.

    Too small a rate or too few steps leave the model undertrained; too large a rate against the batch is noise; too
    large a rate with a large batch is instability. Each wall is a monomial whose powers of size and data are free.
    """
    symbols = [p.symbol for p in scales]
    rate = [p.symbol for p in tuned if p.role == "rate"]
    batch = [p.symbol for p in tuned if p.role == "batch"]
    walls = [
        _monomial("u", rate, batch, symbols),
        _monomial("v", batch, rate, symbols),
        _monomial("w", (), [*rate, *batch], symbols),
    ]
    bases = [("sum", _sum(symbols))] if symbols else []
    if len(symbols) == 2:
        bases.append(("bent", _joined(" + ", [_sum(symbols[:1]), _bent(symbols[1], symbols[:1])])))
        bases.append(("coupled", (f"({_sum(symbols)[0]})**k", (*_sum(symbols)[1], _K))))
    found = []
    for name, base in bases or [("", ("", ()))]:
        for count in (2, 3):
            text = _joined(" + ", [*([base] if base[0] else []), *walls[:count]])
            found.append(Shape(f"{name}, {count} walls".strip(", "), *text))
    if bases:
        text = _joined(" + ", [bases[0][1], *walls, _monomial("z", (), (), [*symbols, *rate, *batch])])
        found.append(Shape("sum, 4 walls", *text))
    return found


def _mixtures(shares: Sequence[str], own: str, scales: Sequence[Part]) -> list[Shape]:
    others = [s for s in shares if s != own]
    linear = " + ".join(f"b_{s}*{s}" for s in others)
    whole = " + ".join(f"b_{s}*{s}" for s in shares)
    reals = tuple(Parameter(f"b_{s}", "real", -0.3, 0.3) for s in others)
    floor, power, scale = _scale("s", 1e-3, 0.3), _exponent("a"), _scale("A")
    falling = f"A/({own} + s)**a"
    base = (scale, floor, power)
    rest = _sum([p.symbol for p in scales])
    more = f" + {rest[0]}" if scales else ""
    found = [
        (f"share of {own}", falling, base),
        (f"share of {own}, exponential in the others", f"A*exp({linear or '0'})/({own} + s)**a", (*base, *reals)),
        (f"share of {own}, linear in the others", f"A*(1/({own} + s)**a + {linear or '0'})", (*base, *reals)),
        (f"shares pooled with {own}", f"A/({own} + {linear or '0'} + s)**a", (*base, *reals)),
        (
            "exponential in all shares",
            f"A*exp({whole})",
            (scale, *(Parameter(f"b_{s}", "real", -3.0, 0.3) for s in shares)),
        ),
    ]
    return [Shape(name, body + more, (*parameters, *rest[1])) for name, body, parameters in found]


# forms that the catalogue lists

_N = Variable("N", "params", "parameters", "model parameters", 1e7, 1e10)
_D = Variable("D", "tokens", "tokens", "training tokens seen", 1e9, 1e12)
_U = Variable("U", "unique_tokens", "tokens", "distinct training tokens", 1e9, 1e11)
_K_EXPERTS = Variable("K", "num_experts", "experts", "experts", 1.0, 512.0)
_LR = Variable("lr", "lr", "", "peak learning rate", 2e-4, 2e-2)
_BATCH = Variable("bsz", "bsz", "sequences", "sequences an optimiser step", 16.0, 2048.0)
_OWN = "ours: the search on public tables kept it, see docs/log.md"


def _listed(shape: Shape, variables: tuple[Variable, ...], name: str, title: str, about: str, when_not: str) -> Form:
    """A shape with standard variables as a form of the catalogue."""
    return Form(
        f"E + {shape.body}",
        name,
        (_OFFSET, *shape.parameters),
        variables,
        title=title,
        source=_OWN,
        about=about,
        when_not=when_not,
    )


MOE_SATURATING = _listed(
    _counted("K", ["N"])[0],
    (_N, _K_EXPERTS),
    "moe_saturating",
    "Experts that help only beyond a few",
    "Experts and dense size varied on the same tokens.",
    "Tokens that differ, or one number of experts.",
)
REPEATED_OVERFITTED = _listed(
    _repeated("N", "D", "U")[2],
    (_N, _D, _U),
    "repeated_overfitted",
    "Repetition that first helps less, then hurts",
    "Many epochs over few tokens, where the loss rises again for large models.",
    "Fewer than about thirty runs, or no run whose loss rose: the last term is then free to say anything.",
)
RATE_BATCH_WALLS = _listed(
    Shape(
        "coupled, 3 walls",
        *_joined(
            " + ",
            [
                (f"({_sum(['N', 'D'])[0]})**k", (*_sum(["N", "D"])[1], _K)),
                _monomial("u", ["lr"], ["bsz"], ["N", "D"]),
                _monomial("v", ["bsz"], ["lr"], ["N", "D"]),
                _monomial("w", (), ["lr", "bsz"], ["N", "D"]),
            ],
        ),
    ),
    (_N, _D, _LR, _BATCH),
    "rate_batch_walls",
    "A valley of learning rate and batch between three walls",
    "Grids of learning rate and batch at several sizes and lengths: a small rate on a large batch trains too little, a "
    "large rate on a small one is noise, a large rate on a large one is unstable.",
    "Fewer than some hundred runs: twenty-one parameters.",
)

FORMS = (MOE_SATURATING, REPEATED_OVERFITTED, RATE_BATCH_WALLS)
