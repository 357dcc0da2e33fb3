"""Sparsity of experts (Abnar et al. 2025, arXiv:2501.12370).

    L(N, D, S) = e + a/N**alpha + b/D**beta + c/(1 − S)**lambda + d/((1 − S)**delta N**gamma)

N counts all parameters and S is the share of experts that a token does not use. The active share F = 1 − S stands in
the formula here, so that a dense model is F = 1. lambda is negative in the paper, so the third term rises with F and is
written c F**lam with lam > 0: at a fixed total N and D it rewards sparsity, the fourth charges for it.
"""

from isoflop.laws.form import Form, Parameter, Variable

ACTIVE_SHARE = Variable("F", "active_fraction", "", "share of the experts or weights that is used, 1 − S", 0.02, 1.0)

ABNAR = Form(
    "e + a/N**alpha + b/D**beta + c*F**lam + d/(F**delta*N**gamma)",
    name="abnar",
    parameters=(
        Parameter("e", "offset", 0.0, 2.5, "loss of an ideal, infinitely sparse model", "nats/token"),
        Parameter("a", "scale", 100.0, 1e5, "what finite size costs at N = 1", "nats/token"),
        Parameter("alpha", "exponent", 0.2, 0.9, "how fast size helps"),
        Parameter("b", "scale", 100.0, 1e5, "what finite data cost at D = 1", "nats/token"),
        Parameter("beta", "exponent", 0.2, 0.7, "how fast data help"),
        Parameter("c", "scale", 0.05, 2.0, "what density costs at a given total size", "nats/token"),
        Parameter("lam", "exponent", 0.05, 0.5, "how fast sparsity lowers that cost; −lambda of the paper"),
        Parameter("d", "scale", 1.0, 100.0, "what few active parameters cost at N = 1", "nats/token"),
        Parameter("delta", "exponent", 0.05, 0.5, "how fast sparsity raises that cost"),
        Parameter("gamma", "exponent", 0.05, 0.4, "how fast size lowers that cost"),
    ),
    variables=(ACTIVE_SHARE,),
    title="Abnar: sparsity against size",
    source="Abnar et al. 2025, arXiv:2501.12370",
    about="Mixtures of experts at one granularity that differ in total size, data and active share.",
    topic="experts",
    when_not="Fewer than about fifty runs: ten parameters. Its authors report a held-out R² of 0.68.",
)

FORMS = (ABNAR,)
