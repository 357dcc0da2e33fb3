"""The loss around the best learning rate and batch: a valley in their logarithms.

    L = E + A/N**alpha + B/D**beta + g (x − c y)**2 + h y**2
    x = ln(lr/(k N**p D**q)),   y = ln(batch/(m D**r))

x and y say how many e-folds the learning rate and the batch are off their best values, which follow the power laws of
Step Law (Li et al. 2025, arXiv:2503.04715; its surfaces are convex in both logarithms). A larger batch wants a larger
rate: c is the exponent of that, ½ by the square-root rule and 1 by the linear rule, so that the best rate at another
batch is k N**p D**q (batch/(m D**r))**c. g and h cannot be negative, so the valley has one bottom. Written here.
"""

from isoflop.laws.form import Form, Parameter, Variable

_X = "log(lr/(k*N**p*D**q))"
_Y = "log(batch/(m*D**r))"

LR_BATCH = Form(
    f"E + A/N**alpha + B/D**beta + g*({_X} - c*{_Y})**2 + h*{_Y}**2",
    name="lr_batch",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1", "nats/token"),
        Parameter("alpha", "exponent", 0.1, 0.6, "how fast size helps"),
        Parameter("B", "scale", 10.0, 1e5, "what finite data cost at D = 1", "nats/token"),
        Parameter("beta", "exponent", 0.1, 0.6, "how fast data help"),
        Parameter("g", "scale", 3e-3, 0.1, "curvature along the learning rate", "nats/token"),
        Parameter("k", "scale", 1e-2, 1e4, "best learning rate at N = D = 1"),
        Parameter("p", "real", -0.9, -0.2, "change of the best rate with size"),
        Parameter("q", "real", -0.3, 0.4, "change of the best rate with data"),
        Parameter("c", "real", 0.2, 1.0, "change of the best rate with the batch"),
        Parameter("m", "scale", 1e-1, 1e3, "best batch at D = 1", "tokens"),
        Parameter("r", "real", 0.2, 0.7, "change of the best batch with data"),
        Parameter("h", "scale", 3e-3, 0.1, "curvature along the batch", "nats/token"),
    ),
    variables=(
        Variable("lr", "lr", "", "peak learning rate", 2e-4, 2e-2),
        Variable("batch", "batch_tokens", "tokens", "tokens an optimiser step", 3e4, 4e6),
    ),
    title="A valley in learning rate and batch",
    source="written for isoflop on the power laws of Li et al. 2025, arXiv:2503.04715",
    about="Grids of learning rate and batch over several sizes and amounts of data: finds the best of both.",
    topic="learning-rate",
    when_not="Rates so large that runs diverge: the loss then rises faster than a parabola. Leave those runs out.",
)

FORMS = (LR_BATCH,)
