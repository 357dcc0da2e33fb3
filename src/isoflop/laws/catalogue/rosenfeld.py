"""Rosenfeld et al. 2020 (arXiv:1909.12673): from a random guess, through power laws, to a floor.

    e(n, m)  = a n**(−alpha) + b m**(−beta) + c
    ê(n, m)  = e_0 |e/(e − i eta)| = e_0/sqrt(1 + (eta/e)**2)

n is the data, m the model, e_0 the error of a guess and eta the place where the guess gives way to learning. Far below
eta the law is e_0 e/eta. Only the ratio to eta is seen, so here the terms are written in units of eta.
"""

from isoflop.laws.form import Form, Parameter

ROSENFELD = Form(
    "L_0/sqrt(1 + 1/(E + A/N**alpha + B/D**beta)**2)",
    name="rosenfeld",
    parameters=(
        Parameter("L_0", "scale", 5.0, 12.0, "loss of a guess without learning, ln of the vocabulary", "nats/token"),
        Parameter("E", "offset", 0.0, 0.6, "floor over the place of the transition, eta"),
        Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1, over eta"),
        Parameter("alpha", "exponent", 0.1, 0.9, "how fast size helps"),
        Parameter("B", "scale", 10.0, 1e5, "what finite data cost at D = 1, over eta"),
        Parameter("beta", "exponent", 0.1, 0.9, "how fast data help"),
    ),
    title="Rosenfeld: an envelope from guessing to the floor",
    source="Rosenfeld et al. 2020, arXiv:1909.12673",
    about="Ladders that begin with models so small or data so few that they barely beat a guess; error rates.",
    topic="size-and-data",
    when_not="Ladders far from the guess: L_0 and eta cannot then be told from A and B.",
)

FORMS = (ROSENFELD,)
