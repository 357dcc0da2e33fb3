"""The best peak learning rate as a power law. Laws of hyper-parameters give a learning rate, not a loss.

    lr(N, D) = k N**p D**q                  Step Law: Li et al. 2025, arXiv:2503.04715
    lr(C)    = k C**q                       DeepSeek LLM 2024, arXiv:2401.02954
    lr(D)    = lr_0 (D_0/D)**b              a rate tuned at D_0, carried to D: Bjorck et al. 2024, arXiv:2409.19913

They contradict each other: at a given N, Step Law's rate grows with D, the others' falls. What was held fixed differs
(batch size, schedule, smallest rate, optimiser), so none is the answer for another recipe: ``isoflop laws
learning-rate`` shows them side by side. A valley of 2 on either side of the best rate costs little: tune a small run.
"""

from isoflop.laws.form import Form, Parameter, Variable

BEST_RATE = Variable("eta", "lr", "", "best peak learning rate", 1e-4, 1e-2)
_K = Parameter("k", "scale", 1e-2, 1e4, "best rate at N = D = 1")
_TUNED_RATE = Variable("lr_0", "tuned_lr", "", "best peak learning rate of a run of D_0 tokens", 1e-4, 1e-2)
_TUNED_TOKENS = Variable("D_0", "tuned_tokens", "tokens", "tokens of the run that was tuned", 1e9, 1e11)

LR_SIZE_DATA = Form(
    "k*N**p*D**q",
    name="lr_size_data",
    parameters=(
        _K,
        Parameter("p", "real", -0.9, -0.2, "change with size"),
        Parameter("q", "real", -0.35, 0.4, "change with data; its sign is disputed"),
    ),
    title="Best learning rate from size and data",
    source="Li et al. 2025 (Step Law), arXiv:2503.04715",
    about="Sweeps of the learning rate over several sizes and amounts of data.",
    topic="learning-rate",
    when_not="A parametrisation that makes the best rate independent of width (muP).",
    output=BEST_RATE,
)
LR_COMPUTE = Form(
    "k*C**q",
    name="lr_compute",
    parameters=(_K, Parameter("q", "real", -0.3, -0.05, "change with compute")),
    title="Best learning rate from compute",
    source="DeepSeek LLM 2024, arXiv:2401.02954",
    about="Sweeps along one compute-optimal path.",
    topic="learning-rate",
    when_not="Runs off the optimal path: C does not say whether size or data grew.",
    output=BEST_RATE,
)
LR_HORIZON = Form(
    "lr_0*(D_0/D)**b",
    name="lr_horizon",
    parameters=(Parameter("b", "real", 0.0, 0.5, "fall with the length of training"),),
    variables=(_TUNED_RATE, _TUNED_TOKENS),
    title="A tuned learning rate carried to a longer run",
    source="Bjorck et al. 2024, arXiv:2409.19913",
    about="One recipe, tuned short and trained long at the same size and batch.",
    topic="learning-rate",
    when_not="A batch that grows with the run: the rate then falls less, or rises.",
    output=BEST_RATE,
)

FORMS = (LR_SIZE_DATA, LR_COMPUTE, LR_HORIZON)
