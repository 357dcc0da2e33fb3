"""Fine-tuning: what a pre-trained model has already learned counts as data (Lin et al. 2024, arXiv:2402.02314).

    L(D) = E + B/(D_l + D**beta)

D are the fine-tuning tokens or examples and D_l the pre-learned size. The curve is flat while D**beta is below D_l and
a power law after: the "rectified" law, with its phase of little gain and its phase of power.
"""

from isoflop.laws.form import Form, Parameter

RECTIFIED = Form(
    "E + B/(D_l + D**beta)",
    name="rectified",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss that fine-tuning data do not remove", "nats/token"),
        Parameter("B", "scale", 1e2, 1e6, "reducible loss times the pre-learned size", "nats/token"),
        Parameter("D_l", "scale", 1e2, 1e5, "pre-learned size, in units of D**beta"),
        Parameter("beta", "exponent", 0.2, 1.0, "how fast data help in the phase of power"),
    ),
    title="Rectified: fine-tuning with a pre-learned size",
    source="Lin et al. 2024, arXiv:2402.02314",
    about="One model fine-tuned on growing shares of one data set; D may count examples.",
    topic="transfer",
    when_not="Data so few that all lie in the flat phase: beta is then not identified.",
)

FORMS = (RECTIFIED,)
