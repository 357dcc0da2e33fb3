"""Algorithmic progress: each year makes parameters and tokens worth more (Ho et al. 2024, arXiv:2403.05812).

    L(N, D, Y) = E + A/(N exp(a Y))**alpha + B/(D exp(b Y))**beta

Y counts years since a reference. The rates of effective parameters and data, a and b, are only weakly told apart; the
growth of effective compute, a + b, is what the data fix: it doubles about every 8 months (95 %: 4.5 to 14.3).
"""

from isoflop.laws.form import Form, Parameter, Variable

YEARS = Variable("Y", "years", "years", "years since the reference, more than 0", 0.5, 10.0)

PROGRESS = Form(
    "E + A/(N*exp(a*Y))**alpha + B/(D*exp(b*Y))**beta",
    name="progress",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1 at the reference", "nats/token"),
        Parameter("a", "real", 0.0, 1.0, "yearly growth of a parameter's worth", "1/year"),
        Parameter("alpha", "exponent", 0.05, 0.9, "how fast size helps"),
        Parameter("B", "scale", 10.0, 1e5, "what finite data cost at D = 1 at the reference", "nats/token"),
        Parameter("b", "real", 0.0, 1.0, "yearly growth of a token's worth", "1/year"),
        Parameter("beta", "exponent", 0.05, 0.9, "how fast data help"),
    ),
    variables=(YEARS,),
    title="Progress: years make parameters and tokens worth more",
    source="Ho et al. 2024, arXiv:2403.05812",
    about="Models of many years and makers on one benchmark.",
    topic="size-and-data",
    when_not="One ladder: its recipe does not change over the years.",
)

FORMS = (PROGRESS,)
