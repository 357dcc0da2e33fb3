"""Fine-grained mixtures of experts (Krajewski et al. 2024, arXiv:2402.07871).

    L(N, D, G) = c + (g/G**gamma + a)/N**alpha + b/D**beta

G is the granularity: how many times smaller an expert is than a feed-forward layer. N counts all parameters, so the
law at G = 1 cannot be compared with a dense model of the same N.
"""

from isoflop.laws.form import Form, Parameter, Variable

GRANULARITY = Variable("G", "granularity", "", "feed-forward width over the width of an expert", 1.0, 16.0)

KRAJEWSKI = Form(
    "c + (g/G**gamma + a)/N**alpha + b/D**beta",
    name="krajewski",
    parameters=(
        Parameter("c", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("g", "scale", 1.0, 50.0, "what coarse experts cost at N = 1", "nats/token"),
        Parameter("gamma", "exponent", 0.2, 1.2, "how fast granularity helps"),
        Parameter("a", "scale", 5.0, 500.0, "what finite size costs at N = 1 with fine experts", "nats/token"),
        Parameter("alpha", "exponent", 0.08, 0.4, "how fast size helps"),
        Parameter("b", "scale", 10.0, 1e4, "what finite data cost at D = 1", "nats/token"),
        Parameter("beta", "exponent", 0.08, 0.5, "how fast data help"),
    ),
    variables=(GRANULARITY,),
    title="Krajewski: finer experts",
    source="Krajewski et al. 2024, arXiv:2402.07871",
    about="Mixtures of experts that differ in granularity at one number of experts.",
    topic="experts",
    when_not="Runs that differ in the number of experts, or dense ones among them.",
)

FORMS = (KRAJEWSKI,)
