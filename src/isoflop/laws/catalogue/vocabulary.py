"""Vocabulary: its parameters are a third shortage (Tao et al. 2024, arXiv:2407.13623).

    L_u = E + A_1/N**alpha + A_2/N_v**gamma + B/H**beta

L_u is the loss less that of a unigram model of the same tokens, so that vocabularies can be compared: it is usually
negative, and so is E (−E in the paper). N leaves the vocabulary out, N_v = V d are the parameters of the vocabulary and
H the characters of training text, the same for every tokenizer.

Their published constants are for N and N_v in millions and for billions of tokens, which their code counts from the
characters with the vocabulary in thousands, f(V) = 0.00639222 ln²(V/1000) − 0.15811069 ln(V/1000) + 1.20470122 tokens
a character, three times too many at V = 32,000. Only so do the constants meet the runs they were fitted
to (942 runs above 2.18e17 FLOP: mean residual 0.0002, R² 0.973; with plain tokens −0.47 and −0.03). The form ``tao``
keeps that bookkeeping for them; ``vocabulary`` is for your own fit.
"""

from isoflop.laws.form import Form, Parameter, Variable

UNIGRAM_LOSS = Variable(
    "L_u", "unigram_normalized_loss", "nats/token", "loss less that of a unigram model of the same tokens", -6.0, 0.0
)
_N = Variable("N", "non_vocab_parameters", "parameters", "parameters without the vocabulary's", 3e7, 1e9)
_N_V = Variable("N_v", "vocab_parameters", "parameters", "vocabulary size times model width", 2e6, 1e8)
_V = Variable("V", "vocab_size", "tokens", "size of the vocabulary", 4e3, 6.5e4)
_H = Variable("H", "num_characters", "characters", "characters of training text", 2e8, 2e11)

VOCABULARY = Form(
    "E + A_1/N**alpha + A_2/N_v**gamma + B/H**beta",
    name="vocabulary",
    parameters=(
        Parameter("E", "real", -8.0, -4.0, "normalised loss of an ideal model", "nats/token"),
        Parameter("A_1", "scale", 10.0, 1e4, "what finite size costs at N = 1", "nats/token"),
        Parameter("alpha", "exponent", 0.1, 0.8, "how fast size helps"),
        Parameter("A_2", "scale", 10.0, 1e5, "what a small vocabulary costs at N_v = 1", "nats/token"),
        Parameter("gamma", "exponent", 0.2, 1.0, "how fast vocabulary helps"),
        Parameter("B", "scale", 10.0, 1e5, "what finite text costs at H = 1", "nats/token"),
        Parameter("beta", "exponent", 0.2, 0.8, "how fast text helps"),
    ),
    variables=(_N, _N_V, _H),
    title="Vocabulary as a third shortage",
    source="Tao et al. 2024, arXiv:2407.13623",
    about="Runs that differ in vocabulary, compared by a loss that does not depend on the tokenizer.",
    topic="architecture",
    when_not="A loss a token that was not normalised: it falls with the vocabulary for no merit of the model.",
    output=UNIGRAM_LOSS,
)

_CODE_TOKENS = "(H/1e9*(0.00639222*log(V/1000)**2 - 0.15811069*log(V/1000) + 1.20470122))"

TAO = Form(
    f"E + A_1/(N/1e6)**alpha + A_2/(N_v/1e6)**gamma + B/{_CODE_TOKENS}**alpha",
    name="tao",
    parameters=(
        Parameter("E", "real", -8.0, -4.0, "normalised loss of an ideal model", "nats/token"),
        Parameter("A_1", "scale", 0.5, 10.0, "what finite size costs at a million parameters", "nats/token"),
        Parameter("alpha", "exponent", 0.2, 0.8, "how fast size and text help"),
        Parameter("A_2", "scale", 0.05, 2.0, "what a vocabulary of a million parameters costs", "nats/token"),
        Parameter("gamma", "exponent", 0.3, 1.0, "how fast vocabulary helps"),
        Parameter("B", "scale", 0.5, 10.0, "what a billion of the code's tokens cost", "nats/token"),
    ),
    variables=(_N, _N_V, _H, _V),
    title="Vocabulary, with the published bookkeeping",
    source="Tao et al. 2024, arXiv:2407.13623, and approach3_isoloss.py of sail-sg/scaling-with-vocab",
    about="Evaluating the published constants.",
    topic="architecture",
    when_not="Your own fit: use vocabulary.",
    output=UNIGRAM_LOSS,
)

FORMS = (VOCABULARY, TAO)
