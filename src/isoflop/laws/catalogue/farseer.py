"""Farseer: the exponent of the data term changes with size (Li et al. 2025, arXiv:2506.10972).

    L(N, D) = exp(a_3 N**gamma + b_3) + exp(a_2 N**beta + b_2) D**(−exp(a_1 N**alpha + b_1))

The paper fits three exponentials of stretched powers of N: the loss with unlimited data, the coefficient of the data
term and its exponent. Here the three powers are kept positive and the factors are real. No constants ship: those
that circulate miss the authors' own runs by 22 %, so fit your own.
"""

from isoflop.laws.form import Form, Parameter

FARSEER = Form(
    "exp(a_3*N**gamma + b_3) + exp(a_2*N**beta + b_2)*D**(-exp(a_1*N**alpha + b_1))",
    name="farseer",
    parameters=(
        Parameter("a_3", "real", -0.2, 0.0, "how the floor of a size falls with it"),
        Parameter("gamma", "exponent", 0.05, 0.25, "stretch of the floor"),
        Parameter("b_3", "real", 0.5, 2.5, "ln of the floor of the smallest models"),
        Parameter("a_2", "real", -1.0, 1.0, "how the data coefficient changes with size"),
        Parameter("beta", "exponent", 0.02, 0.15, "stretch of the data coefficient"),
        Parameter("b_2", "real", 2.0, 10.0, "ln of the data coefficient of the smallest models"),
        Parameter("a_1", "real", -0.1, 0.1, "how the data exponent changes with size"),
        Parameter("alpha", "exponent", 0.02, 0.15, "stretch of the data exponent"),
        Parameter("b_1", "real", -2.0, -0.5, "ln of the data exponent of the smallest models"),
    ),
    title="Farseer: the worth of data depends on size",
    source="Li et al. 2025, arXiv:2506.10972",
    about="Dense grids of hundreds of runs, where Chinchilla's residuals bend with N.",
    topic="size-and-data",
    when_not="Fewer than about forty runs over a grid: nine parameters, three of them stretches that trade off.",
)

FORMS = (FARSEER,)
