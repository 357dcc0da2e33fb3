"""Chinchilla's law for parameters counted without embeddings (Pearce & Song 2024, arXiv:2406.12907).

    L(N, D) = E + A/(N + gamma N**(1/3))**alpha + B/D**beta

N leaves embeddings out; all parameters together are N + gamma N**(1/3), because embeddings grow with the width and N
with its cube at a fixed aspect ratio. gamma is the size of one embedding at N = 1: 47,491 for 32,168 tokens and the
shapes of Chinchilla's models. Over Kaplan's range of N this law's optimum grows as C**0.74 to C**0.78: most of the
disagreement between Kaplan and Chinchilla is how parameters were counted.
"""

from isoflop.laws.form import Form, Parameter

NON_EMBEDDING = Form(
    "E + A/(N + gamma*N**(1/3))**alpha + B/D**beta",
    name="non_embedding",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("A", "scale", 10.0, 1e4, "what finite size costs at one parameter in all", "nats/token"),
        Parameter("gamma", "scale", 1e3, 1e6, "embedding parameters at N = 1", "parameters"),
        Parameter("alpha", "exponent", 0.05, 0.9, "how fast size helps"),
        Parameter("B", "scale", 10.0, 1e5, "what finite data cost at D = 1", "nats/token"),
        Parameter("beta", "exponent", 0.05, 0.9, "how fast data help"),
    ),
    title="Chinchilla for N without embeddings",
    source="Pearce & Song 2024, arXiv:2406.12907",
    about="Ladders with small models whose N leaves embeddings out; comparing them with those that count all.",
    topic="size-and-data",
    when_not="Where the total is known: count it and use chinchilla.",
)

FORMS = (NON_EMBEDDING,)
