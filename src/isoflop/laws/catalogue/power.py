"""A power law with an offset in one variable: L(x) = E + A/x**alpha.

Henighan et al. 2020 (arXiv:2010.14701, eq. 1.1) find it for size, data and compute in language, images, video and
mathematics; Hestness et al. 2017 (arXiv:1712.00409) without the offset.
"""

from isoflop.laws.form import Form, Parameter

_SOURCE = "Henighan et al. 2020, arXiv:2010.14701, eq. 1.1"


def _power(symbol: str, what: str) -> Form:
    return Form(
        f"E + A/{symbol}**alpha",
        name=f"power_{symbol.lower()}",
        parameters=(
            Parameter("E", "offset", 0.0, 3.0, "loss that more of it does not remove", "nats/token"),
            Parameter("A", "scale", 1.0, 1e8, f"reducible loss at {symbol} = 1", "nats/token"),
            Parameter("alpha", "exponent", 0.02, 0.9, f"how fast {what} helps"),
        ),
        title=f"Power law in {what} with an offset",
        source=_SOURCE,
        topic="one-quantity",
        about=f"Runs that differ in {what} alone.",
        when_not="Runs that differ in anything else that matters.",
    )


POWER_N = _power("N", "size")
POWER_D = _power("D", "data")
POWER_C = _power("C", "compute")

FORMS = (POWER_N, POWER_D, POWER_C)
