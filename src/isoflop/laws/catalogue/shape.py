"""Shape: width and depth as separate shortages (McLeish et al. 2025, "Gemstones", arXiv:2502.06857).

    L(w, d, D) = E + A/w**alpha + B/d**gamma + F/D**beta

Kaplan et al. 2020 found that shape hardly matters at a fixed size within a factor of a few; this law says when it
does. The paper also fits a fourth term in the number of parameters.
"""

from isoflop.laws.form import Form, Parameter, Variable

WIDTH = Variable("w", "width", "", "model dimension", 128.0, 8192.0)
DEPTH = Variable("d", "depth", "layers", "layers", 2.0, 100.0)

SHAPE = Form(
    "E + A/w**alpha + B/d**gamma + F/D**beta",
    name="shape",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("A", "scale", 1.0, 1e3, "what finite width costs at w = 1", "nats/token"),
        Parameter("alpha", "exponent", 0.2, 1.5, "how fast width helps"),
        Parameter("B", "scale", 0.3, 30.0, "what finite depth costs at one layer", "nats/token"),
        Parameter("gamma", "exponent", 0.2, 2.0, "how fast depth helps"),
        Parameter("F", "scale", 10.0, 1e5, "what finite data cost at D = 1", "nats/token"),
        Parameter("beta", "exponent", 0.1, 0.8, "how fast data help"),
    ),
    variables=(WIDTH, DEPTH),
    title="Shape: width and depth apart",
    source="McLeish et al. 2025, arXiv:2502.06857",
    about="Ladders that vary depth and width against each other.",
    topic="architecture",
    when_not="One aspect ratio: width and depth then move together and cannot be told apart.",
)

FORMS = (SHAPE,)
