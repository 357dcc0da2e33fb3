"""Two laws of sparse models: pruned weights, and dense models upcycled into experts.

    L(N, D, F) = (a_S F**b_S + c_S)/N**b_N + (a_D/D)**b_D + c        Frantar et al. 2023, arXiv:2309.08520

N are the weights that are not zero and F = 1 − S the share of them that is left. At a fixed N more sparsity means a
larger model before pruning, so b_S > 0 and the size term falls as F does.

    L = E + A/(D_1**p D_2**(q − r ln D_1)) + B/(P**a N**(b − c ln P))         Liew et al. 2025, arXiv:2502.03009

A dense model of D_1 tokens becomes a mixture of experts and trains D_2 more; P is total over active parameters and N
the active ones. The paper fits data at one shape and shape at one amount of data, each with its interaction: the longer
the dense training (r > 0), the less the later tokens bring. The sum of the two is written here.
"""

from isoflop.laws.catalogue.abnar import ACTIVE_SHARE
from isoflop.laws.form import Form, Parameter, Variable

SPARSE = Form(
    "c + (a_S*F**b_S + c_S)/N**b_N + (a_D/D)**b_D",
    name="sparse",
    parameters=(
        Parameter("c", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("a_S", "scale", 2.0, 500.0, "what density costs at N = 1", "nats/token"),
        Parameter("b_S", "exponent", 0.1, 1.5, "how fast sparsity helps at a given number of weights"),
        Parameter("c_S", "scale", 2.0, 500.0, "what finite size costs at N = 1 when infinitely sparse", "nats/token"),
        Parameter("b_N", "exponent", 0.1, 0.6, "how fast size helps"),
        Parameter("a_D", "scale", 1e5, 1e10, "data at which their term is one nat", "tokens"),
        Parameter("b_D", "exponent", 0.1, 0.7, "how fast data help"),
    ),
    variables=(ACTIVE_SHARE,),
    title="Sparse weights",
    source="Frantar et al. 2023, arXiv:2309.08520",
    about="Models pruned to several sparsities while they train.",
    topic="experts",
    when_not="Mixtures of experts: a routed parameter is not a zero weight.",
)

_DENSE_TOKENS = Variable("D_1", "D1", "tokens", "tokens the dense model was trained on", 1e9, 1e11)
_FURTHER_TOKENS = Variable("D_2", "D2", "tokens", "tokens after it became a mixture of experts", 1e9, 1e11)
_EXPANSION = Variable("P", "P", "", "total over active parameters", 1.5, 12.0)

UPCYCLED = Form(
    "E + A/(D_1**p*D_2**(q - r*log(D_1))) + B/(P**a*N**(b - c*log(P)))",
    name="upcycled",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("A", "scale", 10.0, 1e8, "what finite data cost", "nats/token"),
        Parameter("p", "exponent", 0.05, 0.5, "how fast dense tokens help"),
        Parameter("q", "real", 0.2, 0.8, "how fast later tokens help"),
        Parameter("r", "real", 0.0, 0.02, "how much dense tokens take from later ones"),
        Parameter("B", "scale", 1.0, 1e3, "what finite size costs", "nats/token"),
        Parameter("a", "exponent", 0.05, 0.6, "how fast expansion helps"),
        Parameter("b", "real", 0.1, 0.5, "how fast active size helps"),
        Parameter("c", "real", -0.03, 0.03, "how much expansion takes from active size"),
    ),
    variables=(
        _DENSE_TOKENS,
        _FURTHER_TOKENS,
        _EXPANSION,
        Variable("N", "N_active", "parameters", "active parameters", 1e7, 1e10),
    ),
    title="Upcycled: dense first, experts later",
    source="Liew et al. 2025, arXiv:2502.03009; the two fits of the paper added",
    about="Mixtures of experts grown from dense checkpoints of several lengths.",
    topic="experts",
    when_not="One D_1 or one D_2 throughout: p, q and r cannot then be told apart.",
)

FORMS = (SPARSE, UPCYCLED)
