"""Coupled laws: the two shortages share one outer power.

    L(N, D) = E + (A/N**alpha + B/D**beta)**kappa
    L(N, D) = E + ((A/N**alpha)**(1/q) + (B/D**beta)**(1/q))**q

These are one family: kappa = q, and the first law's coefficients and exponents are the second's to the power 1/q and
over q. q = 1 is Chinchilla; E = 0 and q = alpha_D is Kaplan's joint law (eq. 1.5). Busbridge et al. 2025
(arXiv:2502.08606) use the first for supervised losses, "Skaling" 2026 (arXiv:2608.07222) fits kappa of 0.3 to 0.5. In
the second, A, alpha, B and beta mean what they mean in Chinchilla: the loss when the other shortage is absent. The
optimal split does not depend on kappa.
"""

from isoflop.laws.form import Form, Parameter

_E = Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token")

COUPLED = Form(
    "E + (A/N**alpha + B/D**beta)**kappa",
    name="coupled",
    parameters=(
        _E,
        Parameter("A", "scale", 10.0, 1e8, "what finite size costs at N = 1, before the outer power"),
        Parameter("alpha", "exponent", 0.1, 1.2, "how fast size helps, before the outer power"),
        Parameter("B", "scale", 10.0, 1e10, "what finite data cost at D = 1, before the outer power"),
        Parameter("beta", "exponent", 0.1, 1.2, "how fast data help, before the outer power"),
        Parameter("kappa", "exponent", 0.25, 1.3, "outer power; 1 is Chinchilla"),
    ),
    title="Coupled: size and data share an outer power",
    source="Busbridge et al. 2025, arXiv:2502.08606, eq. 7; Skaling 2026, arXiv:2608.07222",
    about="One parameter more than Chinchilla, which it contains; often better far outside the data.",
    topic="size-and-data",
    when_not="Fewer than about twelve runs: kappa, E and the exponents trade off against each other.",
)

Q_FAMILY = Form(
    "E + ((A/N**alpha)**(1/q) + (B/D**beta)**(1/q))**q",
    name="q_family",
    parameters=(
        _E,
        Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1 with unlimited data", "nats/token"),
        Parameter("alpha", "exponent", 0.05, 0.9, "how fast size helps with unlimited data"),
        Parameter("q", "exponent", 0.1, 1.3, "how the shortages add: 1 is Chinchilla, towards 0 the larger one rules"),
        Parameter("B", "scale", 10.0, 1e5, "what finite data cost at D = 1 for an unlimited model", "nats/token"),
        Parameter("beta", "exponent", 0.05, 0.9, "how fast data help an unlimited model"),
    ),
    title="The q-family: Kaplan and Chinchilla are two of its members",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5 with a floor; the family is coupled, its parameters renamed",
    about="The coupled law with A, alpha, B and beta that can be compared with those of Chinchilla.",
    topic="size-and-data",
    when_not="Where coupled is fitted already: the two say the same.",
)

FORMS = (COUPLED, Q_FAMILY)
