"""Low precision: fewer bits are fewer effective parameters (Kumar et al. 2024, arXiv:2411.04330).

    N_eff = N (1 − exp(−P_w/g_w)) (1 − exp(−P_a/g_a)) (1 − exp(−P_kv/g_kv))
    L     = E + A/N_eff**alpha + B/D**beta                                          trained at P_w, P_a, P_kv bits
    L     = E + A/N**alpha + B/D**beta + C_T D**g_D/N**g_N exp(−P/g_post)           quantised to P bits after training

The second law's last term grows with D: the longer a model has trained, the more quantisation after training hurts,
until further data raise the loss. No constants ship: none could be verified.
"""

from isoflop.laws.form import Form, Parameter, Variable

_BASE = (
    Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
    Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1", "nats/token"),
    Parameter("alpha", "exponent", 0.1, 0.8, "how fast size helps"),
    Parameter("B", "scale", 10.0, 1e5, "what finite data cost at D = 1", "nats/token"),
    Parameter("beta", "exponent", 0.1, 0.8, "how fast data help"),
)


def _bits(symbol: str, column: str, what: str) -> Variable:
    return Variable(symbol, column, "bits", f"bits of {what}", 3.0, 16.0)


def _sensitivity(symbol: str, what: str) -> Parameter:
    return Parameter(symbol, "scale", 1.0, 8.0, f"bits over which {what} come into their own", "bits")


LOW_PRECISION = Form(
    "E + A/(N*(1 - exp(-P_w/g_w))*(1 - exp(-P_a/g_a))*(1 - exp(-P_kv/g_kv)))**alpha + B/D**beta",
    name="low_precision",
    parameters=(
        *_BASE,
        _sensitivity("g_w", "weights"),
        _sensitivity("g_a", "activations"),
        _sensitivity("g_kv", "keys and values"),
    ),
    variables=(
        _bits("P_w", "weight_bits", "weights in training"),
        _bits("P_a", "activation_bits", "activations in training"),
        _bits("P_kv", "kv_bits", "keys and values in training"),
    ),
    title="Trained in low precision",
    source="Kumar et al. 2024, arXiv:2411.04330",
    about="Runs trained at several bit widths of weights, activations, keys and values.",
    topic="architecture",
    when_not="Bits that do not vary in the runs: leave their factor out by writing the formula without it.",
)

QUANTISED = Form(
    "E + A/N**alpha + B/D**beta + C_T*D**g_D/N**g_N*exp(-P/g_post)",
    name="quantised",
    parameters=(
        *_BASE,
        Parameter("C_T", "scale", 1e-3, 10.0, "price of quantising at N = D = 1 and no bits", "nats/token"),
        Parameter("g_D", "exponent", 0.2, 0.8, "growth of the price with training tokens"),
        Parameter("g_N", "exponent", 0.1, 0.6, "fall of the price with size"),
        Parameter("g_post", "scale", 0.3, 2.0, "bits over which the price falls to 1/e", "bits"),
    ),
    variables=(_bits("P", "weight_bits", "weights after training"),),
    title="Quantised after training",
    source="Kumar et al. 2024, arXiv:2411.04330",
    about="Trained models quantised to several bit widths.",
    topic="architecture",
    when_not="Quantisation that trains further, such as with a straight-through estimator.",
)

FORMS = (LOW_PRECISION, QUANTISED)
