"""The laws of Kaplan et al. 2020 (arXiv:2001.08361): pure power laws, without an irreducible loss.

    L(N)    = (N_c/N)**alpha_N                                           eq. 1.1, converged, unlimited data
    L(D)    = (D_c/D)**alpha_D                                           eq. 1.2, large models stopped early
    L(C)    = (C_c/C)**alpha_C                                           eq. 1.3, optimally spent compute
    L(N, D) = ((N_c/N)**(alpha_N/alpha_D) + D_c/D)**alpha_D              eq. 1.5
    L(N, S) = (N_c/N)**alpha_N + (S_c/S_min)**alpha_S                    eq. 1.6, S_min steps above the critical batch
    S_min   = S/(1 + B_crit/B)                                           eq. 5.4, S steps at a batch of B tokens

Their three sets of constants come from different fits and must not be mixed. N leaves embeddings out; the D of the
joint law was seen several times over, so 6ND is not its compute.
"""

from isoflop.laws.form import Form, Parameter, Variable

_N_C = Parameter("N_c", "scale", 1e10, 1e16, "size at which the law would reach one nat", "parameters")
_D_C = Parameter("D_c", "scale", 1e10, 1e16, "data at which the law would reach one nat", "tokens")
_C_C = Parameter("C_c", "scale", 1e24, 1e32, "compute at which the law would reach one nat", "FLOP")
_S_C = Parameter("S_c", "scale", 1e1, 1e6, "steps at which the second term is one nat", "steps")


def _alpha(symbol: str, what: str, high: float = 1.0) -> Parameter:
    return Parameter(symbol, "exponent", 0.02, high, f"how fast {what} helps")


STEPS = Variable("S", "steps", "steps", "optimiser steps at a batch far above the critical one", 1e3, 1e6)

KAPLAN_N = Form(
    "(N_c/N)**alpha_N",
    name="kaplan_n",
    parameters=(_N_C, _alpha("alpha_N", "size")),
    title="Kaplan L(N)",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.1",
    topic="one-quantity",
    about="Models trained to convergence on as much data as they can use.",
    when_not="Whenever data are limited, or the loss nears its floor.",
)
KAPLAN_D = Form(
    "(D_c/D)**alpha_D",
    name="kaplan_d",
    parameters=(_D_C, _alpha("alpha_D", "more data")),
    title="Kaplan L(D)",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.2",
    topic="one-quantity",
    about="Models large enough that only data limit them.",
    when_not="Whenever size limits the loss too.",
)
KAPLAN_C = Form(
    "(C_c/C)**alpha_C",
    name="kaplan_c",
    parameters=(_C_C, _alpha("alpha_C", "compute", 0.15)),
    title="Kaplan L(C)",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.3",
    topic="one-quantity",
    about="Runs that each spend their compute well.",
    when_not="Runs off the optimal split, or a loss near its floor.",
)
KAPLAN_ND = Form(
    "((N_c/N)**(alpha_N/alpha_D) + D_c/D)**alpha_D",
    name="kaplan_nd",
    parameters=(_N_C, _alpha("alpha_N", "size"), _D_C, _alpha("alpha_D", "more data")),
    title="Kaplan L(N, D)",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.5",
    topic="size-and-data",
    about="Four parameters, no floor: a lean choice for small models far above the entropy of the text.",
    when_not="Near the floor: it forecasts losses that go to zero.",
)
KAPLAN_NS = Form(
    "(N_c/N)**alpha_N + (S_c/S)**alpha_S",
    name="kaplan_ns",
    parameters=(_N_C, _alpha("alpha_N", "size"), _S_C, _alpha("alpha_S", "training longer")),
    variables=(STEPS,),
    title="Kaplan L(N, S)",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.6",
    topic="steps",
    about="Learning curves at a batch far above the critical one.",
    when_not="Small batches, where steps are worth less.",
)
KAPLAN_NSB = Form(
    "(N_c/N)**alpha_N + (S_c*(1 + B_c/B)/S)**alpha_S",
    name="kaplan_nsb",
    parameters=(
        _N_C,
        _alpha("alpha_N", "size"),
        _S_C,
        Parameter("B_c", "scale", 1e4, 1e7, "critical batch over the range of losses seen", "tokens"),
        _alpha("alpha_S", "training longer"),
    ),
    variables=(
        Variable("S", "steps", "steps", "optimiser steps", 1e3, 1e6),
        Variable("B", "batch_tokens", "tokens", "tokens an optimiser step", 1e4, 1e7),
    ),
    title="Kaplan L(N, S) at any batch",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.6 and 5.4",
    topic="steps",
    about="Learning curves at several batches; the critical batch is taken as one number.",
    when_not="Losses over so wide a range that the critical batch moves by much: it goes as L**-4.8 in the paper.",
)

FORMS = (KAPLAN_N, KAPLAN_D, KAPLAN_C, KAPLAN_ND, KAPLAN_NS, KAPLAN_NSB)
