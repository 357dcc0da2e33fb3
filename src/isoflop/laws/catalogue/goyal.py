"""Each pass over the data is worth less: a half-life of the exponent (Goyal et al. 2024, arXiv:2404.07177).

    L_K = E + A n_1**(−b) Π_{k = 2..K} (n_k/n_(k−1))**(−b_k),   b_k = b (1/2)**((k − 1)/tau),   n_k = k U

The k-th pass over U distinct tokens helps with an exponent b_k that halves every tau passes. A part of a pass counts
for its part of ln n. Muennighoff et al. let the amount of effective data decay instead: runs of many epochs tell the
two apart. The formula counts sixteen passes; at tau = 3
and b = 0.3 the seventeenth would take 0.05 % off the reducible loss.
"""

from isoflop.laws.form import Form, Parameter

PASSES = 16
"""Passes the formula counts."""


def _pass(k: int) -> str:
    return f"log(min(max(D/U, {k - 1}), {k})/{k - 1})*h**{k - 1}"


GOYAL = Form(
    "E + A/U**b*exp(-b*(" + " + ".join(_pass(k) for k in range(2, PASSES + 1)) + "))",
    name="goyal",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss that more data do not remove", "nats/token"),
        Parameter("A", "scale", 10.0, 1e4, "reducible loss at U = 1", "nats/token"),
        Parameter("b", "exponent", 0.05, 0.6, "how fast distinct data help"),
        Parameter("h", "scale", 0.3, 0.97, "share of the exponent that each further pass keeps, (1/2)**(1/tau)"),
    ),
    title="Goyal: every pass has a smaller exponent",
    source="Goyal et al. 2024, arXiv:2404.07177",
    about="One size of model over several epochs of filtered pools of data.",
    topic="repeated-data",
    when_not="Sizes that differ, more than sixteen epochs, or a loss that rises.",
)

FORMS = (GOYAL,)
