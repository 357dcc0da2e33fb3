"""The simplest law of experts: K experts multiply the size by a power of K.

    L(N, K) = E + A/(N K**gamma)**alpha

N are the parameters a token passes. gamma = 0 says that experts do nothing, gamma = 1 that every one of them counts as
much as the dense part; Clark et al. 2022 (arXiv:2202.01169) find effective sizes in between, with gamma falling in N,
which this law leaves out; but it has a floor, which theirs lacks. On the 193 public runs of the mixture-of-experts
task of SLDBench both explain 96 % of the variance, and fitted without the largest size they forecast it with an R² of
0.51 (this) and 0.19 (Clark's). Written here.
"""

from isoflop.laws.catalogue.clark import EXPERTS as COUNT
from isoflop.laws.form import Form, Parameter

EXPERTS = Form(
    "E + A/(N*K**gamma)**alpha",
    name="experts",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("A", "scale", 2.0, 1e3, "what finite size costs at N = 1", "nats/token"),
        Parameter("gamma", "exponent", 0.05, 0.9, "worth of experts: size is multiplied by K**gamma"),
        Parameter("alpha", "exponent", 0.05, 0.6, "how fast size helps"),
    ),
    variables=(COUNT,),
    title="Experts as a multiplier of size",
    source="written for isoflop; compare Clark et al. 2022, arXiv:2202.01169",
    about="Mixtures of experts with few runs, or up to a few dozen experts, all on the same tokens.",
    topic="experts",
    when_not="Hundreds of experts, where their worth saturates: use clark.",
)

FORMS = (EXPERTS,)
