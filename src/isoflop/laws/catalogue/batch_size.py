"""The best batch size, in tokens, and the critical one.

    B(D)      = k D**q                      Step Law: Li et al. 2025, arXiv:2503.04715
    B(C)      = k C**q                      DeepSeek LLM 2024, arXiv:2401.02954
    B(C)      = B_1 (C/PF-day)**b           Kaplan et al. 2020, arXiv:2001.08361, table 6
    B(D)      = B_0 (D/D_0)**b              a batch tuned at D_0, carried to D: Zhang et al. 2024, arXiv:2410.21676
    B_crit(L) = B_star/L**(1/alpha_B)       Kaplan et al. 2020, eq. 1.4

The critical batch is where doubling the batch begins to cost as much data as it saves steps: see
``isoflop.laws.critical_batch``. Zhang et al. find it to grow with data and hardly with size.
"""

from isoflop.laws.form import Form, Parameter, Variable

BATCH = Variable("B", "batch_tokens", "tokens", "best batch", 1e5, 1e7)
CRITICAL = Variable("B_crit", "batch_tokens", "tokens", "critical batch", 1e5, 1e7)
_TUNED_BATCH = Variable("B_0", "tuned_batch_tokens", "tokens", "best batch of a run of D_0 tokens", 1e5, 1e7)
_TUNED_TOKENS = Variable("D_0", "tuned_tokens", "tokens", "tokens of the run that was tuned", 1e9, 1e11)
_K = Parameter("k", "scale", 1e-2, 1e2, "best batch at one unit", "tokens")
_Q = Parameter("q", "real", 0.1, 0.7, "growth of the batch")

BATCH_DATA = Form(
    "k*D**q",
    name="batch_data",
    parameters=(_K, _Q),
    title="Best batch from data",
    source="Li et al. 2025 (Step Law), arXiv:2503.04715",
    about="Sweeps of batch and learning rate together, over several amounts of data.",
    topic="batch-size",
    when_not="Sweeps of the batch at one learning rate.",
    output=BATCH,
)
BATCH_COMPUTE = Form(
    "k*C**q",
    name="batch_compute",
    parameters=(_K, _Q),
    title="Best batch from compute",
    source="DeepSeek LLM 2024, arXiv:2401.02954",
    about="Sweeps along one compute-optimal path.",
    topic="batch-size",
    when_not="Runs off the optimal path: the batch follows data more than compute.",
    output=BATCH,
)
BATCH_PETAFLOP_DAYS = Form(
    "B_1*(C/8.64e19)**b",
    name="batch_pf_days",
    parameters=(
        Parameter("B_1", "scale", 1e5, 1e7, "batch at one PF-day", "tokens"),
        Parameter("b", "real", 0.1, 0.5, "growth of the batch with compute"),
    ),
    title="Batch from compute in PF-days",
    source="Kaplan et al. 2020, arXiv:2001.08361, table 6",
    about="Kaplan's own allocation of compute.",
    topic="batch-size",
    when_not="Compute that counts embeddings.",
    output=BATCH,
)
BATCH_HORIZON = Form(
    "B_0*(D/D_0)**b",
    name="batch_horizon",
    parameters=(Parameter("b", "real", 0.1, 0.8, "growth with the length of training"),),
    variables=(_TUNED_BATCH, _TUNED_TOKENS),
    title="A tuned or critical batch carried to a longer run",
    source="Zhang et al. 2024, arXiv:2410.21676",
    about="One recipe whose batch was measured on a short run.",
    topic="batch-size",
    when_not="A run that differs in anything but length and size.",
    output=BATCH,
)
CRITICAL_BATCH = Form(
    "B_star/L**(1/alpha_B)",
    name="critical_batch",
    parameters=(
        Parameter("B_star", "scale", 1e7, 1e9, "critical batch at a loss of one nat", "tokens"),
        Parameter("alpha_B", "exponent", 0.1, 0.5, "how the critical batch follows the loss"),
    ),
    variables=(Variable("L", "reached_loss", "nats/token", "loss that the run has reached", 2.0, 5.0),),
    title="Critical batch from the loss reached",
    source="Kaplan et al. 2020, arXiv:2001.08361, eq. 1.4",
    about="How much a larger batch would shorten a run: it costs more data the closer it comes to this.",
    topic="batch-size",
    when_not="Losses of another tokenizer: a loss a token is part of the law.",
    output=CRITICAL,
)

FORMS = (BATCH_DATA, BATCH_COMPUTE, BATCH_PETAFLOP_DAYS, BATCH_HORIZON, CRITICAL_BATCH)
