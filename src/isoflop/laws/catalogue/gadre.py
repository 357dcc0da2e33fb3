"""Over-training at a constant number of tokens per parameter, M = D/N.

    L(C, M) = E + (a M**eta + b M**(−eta)) C**(−eta)             Gadre et al. 2024, arXiv:2403.08540

Along any M the loss falls with the same exponent eta, so training past the optimal M shifts the line and keeps its
slope. It is Chinchilla with one exponent seen along compute: with C = 6ND, alpha = 2 eta, A = a 6**(−eta) and
B = b 6**(−eta).
"""

from isoflop.laws.form import Form, Parameter

GADRE = Form(
    "E + a*D**eta/(N**eta*C**eta) + b*N**eta/(D**eta*C**eta)",
    name="gadre",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("a", "scale", 10.0, 1e4, "what finite size costs at C = 1 and M = 1", "nats/token"),
        Parameter("eta", "exponent", 0.05, 0.4, "how fast compute helps at any M"),
        Parameter("b", "scale", 10.0, 1e4, "what finite data cost at C = 1 and M = 1", "nats/token"),
    ),
    title="Over-training: one slope in compute for every tokens per parameter",
    source="Gadre et al. 2024, arXiv:2403.08540",
    about="Ladders at a few constant D/N, to forecast a run trained far past the optimal D/N.",
    topic="size-and-data",
    when_not="Where the slope visibly differs between the D/N of the ladder: use chinchilla, which lets alpha and beta "
    "differ.",
)

FORMS = (GADRE,)
