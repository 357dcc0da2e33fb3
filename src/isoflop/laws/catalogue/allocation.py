"""The optimal split as a power law of compute: what isoFLOP profiles give.

    N_opt = k C**a          D_opt = k C**b                                 Hoffmann et al. 2022, approaches 1 and 2
    N_opt = N_1 (C/PF-day)**a   D_opt = D_1 (C/PF-day)**b                  Kaplan et al. 2020, table 6

a + b = 1 only where C = 6ND exactly. A law of the loss gives the split as well, with its cost: prefer it where N and D
both vary.
"""

from isoflop.laws.form import Form, Parameter, Variable

BEST_SIZE = Variable("N_opt", "params", "parameters", "compute-optimal parameters", 1e8, 1e12)
BEST_TOKENS = Variable("D_opt", "tokens", "tokens", "compute-optimal tokens", 1e9, 1e13)
_WHEN_NOT = "Extrapolating far: parabolas on wide isoFLOP profiles are biased, by 3 % in D at 8 times either side."


def _split(of: str, output: Variable, low: float, high: float) -> Form:
    return Form(
        "k*C**a",
        name=f"optimal_{of}",
        parameters=(
            Parameter("k", "scale", low, high, f"optimal {of} at one FLOP", output.unit),
            Parameter("a", "real", 0.3, 0.8, f"growth of optimal {of} with compute"),
        ),
        title=f"Compute-optimal {of}",
        source="Hoffmann et al. 2022, arXiv:2203.15556, section 3.2",
        about="The minima of isoFLOP profiles.",
        topic="split",
        when_not=_WHEN_NOT,
        output=output,
    )


def _split_in_petaflop_days(of: str, symbol: str, output: Variable) -> Form:
    return Form(
        f"{symbol}*(C/8.64e19)**a",
        name=f"optimal_{of}_pf_days",
        parameters=(
            Parameter(symbol, "scale", 1e8, 1e11, f"optimal {of} at one PF-day", output.unit),
            Parameter("a", "real", 0.2, 0.8, f"growth of optimal {of} with compute"),
        ),
        title=f"Compute-optimal {of}, from PF-days",
        source="Kaplan et al. 2020, arXiv:2001.08361, table 6",
        about="Kaplan's own allocation of compute.",
        topic="split",
        when_not="Planning: its exponents come from schedules that did not match the length of training.",
        output=output,
    )


FORMS = (
    _split("size", BEST_SIZE, 1e-3, 10.0),
    _split("tokens", BEST_TOKENS, 1e-2, 1e2),
    _split_in_petaflop_days("size", "N_1", BEST_SIZE),
    _split_in_petaflop_days("tokens", "D_1", BEST_TOKENS),
)
