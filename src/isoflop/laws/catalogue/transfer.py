"""Transfer: how much fine-tuning data pre-training is worth (Hernandez et al. 2021, arXiv:2102.01293).

    D_T(D_F, N) = k D_F**alpha N**beta

D_T is the effective data transferred: the further fine-tuning data that a model trained from nothing would need for the
same loss. D_F are the fine-tuning data, in characters in the paper, and N leaves embeddings out.
"""

from isoflop.laws.form import Form, Parameter, Variable

FINETUNING = Variable("D_F", "finetuning_characters", "characters", "fine-tuning data", 1e5, 1e10)
TRANSFERRED = Variable("D_T", "transferred_characters", "characters", "effective data transferred", 1e7, 1e11)

TRANSFER = Form(
    "k*D_F**alpha*N**beta",
    name="transfer",
    parameters=(
        Parameter("k", "scale", 1e2, 1e6, "data transferred at D_F = N = 1", "characters"),
        Parameter("alpha", "exponent", 0.05, 0.6, "how fast it grows with fine-tuning data"),
        Parameter("beta", "exponent", 0.1, 0.8, "how fast it grows with size"),
    ),
    variables=(FINETUNING,),
    title="Effective data transferred",
    source="Hernandez et al. 2021, arXiv:2102.01293",
    about="Deciding whether to pre-train: D_T above D_F says that pre-training is worth more than the data at hand.",
    topic="transfer",
    when_not="Ample fine-tuning data: pre-training can then hold a model back.",
    output=TRANSFERRED,
)

FORMS = (TRANSFER,)
