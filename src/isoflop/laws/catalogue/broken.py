"""Broken power laws: one power law, then another, with smooth bends (Caballero et al. 2023, arXiv:2210.14891, eq. 1).

    y(x) = a + b x**(−c_0) Π_i (1 + (x/d_i)**(1/f_i))**(−c_i f_i)

Each break i bends the slope by c_i around d_i; f_i says over how many e-folds. A negative c_i flattens, and one below
−c_0 turns the curve around, so the form can show a rise.
"""

from isoflop.laws.form import Form, Parameter

_SOURCE = "Caballero et al. 2023, arXiv:2210.14891, eq. 1"
_RANGES = {"N": (1e7, 1e11), "D": (1e9, 1e12), "C": (1e17, 1e23)}


def broken_power(symbol: str = "C", breaks: int = 1) -> Form:
    """The law with so many breaks in N, D or C; named bnsl_1, bnsl_2 and so on (with the symbol unless it is C)."""
    low, high = _RANGES[symbol]
    edges = [low * (high / low) ** (i / breaks) for i in range(breaks + 1)]
    bends = "".join(f"*(1 + ({symbol}/d_{i})**(1/f_{i}))**(-c_{i}*f_{i})" for i in range(1, breaks + 1))
    own = [
        (
            Parameter(f"d_{i}", "scale", edges[i - 1], edges[i], f"where break {i} lies"),
            Parameter(f"f_{i}", "scale", 0.1, 3.0, f"how wide break {i} is, in e-folds"),
            Parameter(f"c_{i}", "real", -0.2, 0.4, f"how much break {i} steepens the slope"),
        )
        for i in range(1, breaks + 1)
    ]
    return Form(
        f"a + b*{symbol}**(-c_0){bends}",
        name=f"bnsl_{breaks}" if symbol == "C" else f"bnsl_{breaks}_{symbol.lower()}",
        parameters=(
            Parameter("a", "offset", 0.0, 3.0, "limit of the loss", "nats/token"),
            Parameter("b", "scale", 3.0, 3e3, f"reducible loss at {symbol} = 1", "nats/token"),
            Parameter("c_0", "exponent", 0.02, 0.3, "slope before the first break"),
            *(parameter for triple in own for parameter in triple),
        ),
        title=f"Broken power law with {breaks} break{'s' if breaks > 1 else ''}",
        source=_SOURCE,
        about="A curve that visibly changes its slope, such as a downstream score or a long learning curve.",
        topic="one-quantity",
        when_not=f"Fewer than {3 * (3 + 3 * breaks)} points, or none past a break: a break that was not seen cannot be "
        "forecast.",
    )


FORMS = tuple(broken_power("C", breaks) for breaks in (1, 2, 3))
