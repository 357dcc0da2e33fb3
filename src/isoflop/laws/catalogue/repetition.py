"""Repetition that can hurt: every further pass lowers the data term and raises a price for over-fitting.

    L = E + A/N**alpha + B/D**beta + G (N/U)**q ln(D/U)

The price follows from three demands: nothing in a single epoch (D = U), growth with the passes over the data, and
growth with the parameters per distinct token. The last is the classical excess risk of maximum likelihood, N/(2U) nats
a token for N parameters fitted to the end on U samples (Akaike 1974); q below 1 says that a network uses fewer degrees
of freedom than it has parameters. The logarithm says that the k-th pass adds 1/k to the price. Repeating pays until

    D = (beta B/(G (N/U)**q))**(1/beta)

where the loss turns around: earlier for a large model on few distinct tokens. Derived here, with as many parameters as
Muennighoff et al. 2023, whose effective data saturate, so that their loss never rises. On the 182 public runs of that
paper (those in which repetition hurt among them) the median error of this law against theirs is 1.7 % against 1.9 %
in sample, and out of sample 4.0 against 5.0 % for the fifth with the most compute, 5.0 against 8.0 % past 30 epochs,
3.8 against 4.4 % past 2B parameters. A price that grows as a power of the epochs, or saturates, did worse there.

    L = E + (L_0 − E) h/(1 + h),   h = a/N**alpha + b/D**beta + c N**gamma/U**delta

"Practical scaling laws" 2026 (arXiv:2605.09189) put the price into what is bounded by a guess L_0; scarce distinct
data then cost the same in every epoch.
"""

from isoflop.laws.form import Form, Parameter

_UNIQUE = "min(U, D)"
_E = Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token")

REPETITION = Form(
    f"E + A/N**alpha + B/D**beta + G*(N/{_UNIQUE})**q*log(max(1, D/U))",
    name="repetition",
    parameters=(
        _E,
        Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1", "nats/token"),
        Parameter("alpha", "exponent", 0.1, 0.9, "how fast size helps"),
        Parameter("B", "scale", 10.0, 1e5, "what little training costs at D = 1", "nats/token"),
        Parameter("beta", "exponent", 0.1, 0.9, "how fast training on helps"),
        Parameter("G", "scale", 1e-3, 1.0, "price of over-fitting at N = U, for e times the epochs", "nats/token"),
        Parameter("q", "exponent", 0.2, 1.5, "growth of the price with parameters per distinct token"),
    ),
    title="Repetition that can hurt: a price for every further pass",
    source="derived in isoflop; compare Muennighoff et al. 2023, arXiv:2305.16264",
    about="Many epochs, where the loss of large models on few distinct tokens turns around.",
    topic="repeated-data",
    when_not="Up to about four epochs, or no run in which repetition hurt: G and q are then not identified.",
)

BOUNDED = Form(
    "E + (L_0 - E)/(1 + 1/(A/N**alpha + B/D**beta + G*N**gamma/U**delta))",
    name="bounded",
    parameters=(
        _E,
        Parameter("L_0", "real", 8.0, 11.5, "loss of a guess without learning, ln of the vocabulary", "nats/token"),
        Parameter("A", "scale", 10.0, 1e4, "what finite size costs at N = 1, over L_0 − E"),
        Parameter("alpha", "exponent", 0.1, 0.9, "how fast size helps"),
        Parameter("B", "scale", 10.0, 1e5, "what finite training costs at D = 1, over L_0 − E"),
        Parameter("beta", "exponent", 0.1, 0.9, "how fast training on helps"),
        Parameter("G", "scale", 1e-3, 1.0, "price of over-fitting at N = U = 1, over L_0 − E"),
        Parameter("gamma", "exponent", 0.1, 0.9, "growth of the price with size"),
        Parameter("delta", "exponent", 0.1, 0.9, "fall of the price with distinct tokens"),
    ),
    title="Bounded: between a guess and a floor, with a price for scarce data",
    source="Practical scaling laws 2026, arXiv:2605.09189",
    about="Scarce distinct data at every scale of training; losses that may come near a guess.",
    topic="repeated-data",
    when_not="Ample data: it is then Chinchilla with three parameters too many.",
)

FORMS = (REPETITION, BOUNDED)
