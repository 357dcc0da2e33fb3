"""Data-constrained scaling: a repeated token is worth less each time (Muennighoff et al. 2023, arXiv:2305.16264).

    L   = E + A/N'**alpha + B/D'**beta                                               eq. 5 to 6
    D'  = U_D + U_D R_D (1 − exp(−(D/U_D − 1)/R_D)),   U_D = min(U, D)
    N'  = U_N + U_N R_N (1 − exp(−(N/U_N − 1)/R_N)),   U_N = min(N, N_opt(U_D))
    N_opt(U_D) = (alpha A/(beta B))**(1/alpha) U_D**(beta/alpha)

U are the distinct tokens. R_D and R_N say after how many repetitions, and how many times too many parameters, the
value has decayed to 1/e. N_opt is the size that is compute-optimal for U_D tokens under the additive law.
"""

from isoflop.laws.form import Form, Parameter

_UNIQUE = "min(U, D)"
_FITTING_SIZE = f"min(N, (alpha*A/(beta*B))**(1/alpha)*{_UNIQUE}**(beta/alpha))"


def _decayed(amount: str, base: str, rate: str) -> str:
    return f"({base}*(1 + {rate}*(1 - exp((1 - {amount}/{base})/{rate}))))"


MUENNIGHOFF = Form(
    f"E + A/{_decayed('N', _FITTING_SIZE, 'R_N')}**alpha + B/{_decayed('D', _UNIQUE, 'R_D')}**beta",
    name="muennighoff",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1", "nats/token"),
        Parameter("alpha", "exponent", 0.1, 0.9, "how fast size helps"),
        Parameter("B", "scale", 10.0, 1e5, "what finite data cost at D = 1", "nats/token"),
        Parameter("beta", "exponent", 0.1, 0.9, "how fast data help"),
        Parameter("R_D", "scale", 1.0, 50.0, "repetitions after which a token's value has decayed to 1/e"),
        Parameter("R_N", "scale", 1.0, 50.0, "excess size after which a parameter's value has decayed to 1/e"),
    ),
    title="Data-constrained: repetition is worth less and less",
    source="Muennighoff et al. 2023, arXiv:2305.16264, eq. 5 and 6",
    topic="repeated-data",
    about="Several epochs over the same tokens. Up to four epochs cost little.",
    when_not="Where repetition makes the loss rise again: this law cannot.",
)

FORMS = (MUENNIGHOFF,)
