"""Additive laws: what the model lacks and what the data lack, side by side.

    L(N, D) = E + A/N**alpha + B/D**beta                      Hoffmann et al. 2022, arXiv:2203.15556, eq. 2
    L(N, D) = E + A/N**alpha + B/D**alpha                     Muennighoff et al. 2023; Gadre et al. 2024

E is the loss of an ideal model of this text with this tokenizer. The optimum at C = 6ND is
N* = G (C/6)**(beta/(alpha+beta)) with G = (alpha A/(beta B))**(1/(alpha+beta)) (eq. 4).
"""

from isoflop.laws.form import Form, Parameter

_E = Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token")
_A = Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1", "nats/token")
_B = Parameter("B", "scale", 10.0, 1e5, "what finite data cost at D = 1", "nats/token")
_ALPHA = Parameter("alpha", "exponent", 0.05, 0.9, "how fast size helps")
_BETA = Parameter("beta", "exponent", 0.05, 0.9, "how fast data help")

CHINCHILLA = Form(
    "E + A/N**alpha + B/D**beta",
    name="chinchilla",
    parameters=(_E, _A, _ALPHA, _B, _BETA),
    title="Chinchilla: size and data add",
    source="Hoffmann et al. 2022, arXiv:2203.15556, eq. 2",
    about="The field's default. Needs at least three sizes and three amounts of data with D/N varying.",
    topic="size-and-data",
    when_not="Repeated data, tiny models, or a far extrapolation alone: on the public Farseer runs it misses by 3 % "
    "where the coupled form misses by 0.5 %.",
)

ONE_EXPONENT = Form(
    "E + A/N**alpha + B/D**alpha",
    name="chinchilla_one_exponent",
    parameters=(_E, _A, _ALPHA, _B),
    title="Chinchilla with one exponent",
    source="Muennighoff et al. 2023, arXiv:2305.16264; Gadre et al. 2024, arXiv:2403.08540",
    about="One parameter fewer for small ladders; makes the optimal tokens per parameter the same at every budget.",
    topic="size-and-data",
    when_not="When the question is how D/N should grow with compute: the form has already answered it.",
)

FORMS = (CHINCHILLA, ONE_EXPONENT)
