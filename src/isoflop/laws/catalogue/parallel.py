"""Parallel streams: one set of weights run P times and aggregated (Chen et al. 2025, arXiv:2505.10475).

    L(N, P) = E + (A/(N (1 + k ln P)))**alpha            the paper's law
    L(N, P) = E + (A/(N P**k))**alpha                    a power of P, which does not slow down

P streams are worth as much as multiplying N by 1 + k ln P.
"""

from isoflop.laws.form import Form, Parameter, Variable

STREAMS = Variable("P", "parallel_size", "streams", "parallel streams", 1.0, 16.0)
_E = Parameter("E", "offset", 0.0, 2.0, "loss of an ideal model", "nats/token")
_A = Parameter("A", "scale", 1e5, 1e10, "size at which the size term is one nat", "parameters")
_ALPHA = Parameter("alpha", "exponent", 0.1, 0.5, "how fast size helps")
_SOURCE = "Chen et al. 2025, arXiv:2505.10475"

PARSCALE = Form(
    "E + (A/(N*(1 + k*log(P))))**alpha",
    name="parscale",
    parameters=(_E, _A, Parameter("k", "scale", 0.05, 1.0, "worth of a stream"), _ALPHA),
    variables=(STREAMS,),
    title="Parallel streams, worth a logarithm",
    source=_SOURCE,
    about="Models run in several parallel streams, on the same tokens.",
    topic="architecture",
    when_not="Tokens that differ: the law has no data term.",
)
PARSCALE_POWER = Form(
    "E + (A/(N*P**k))**alpha",
    name="parscale_power",
    parameters=(_E, _A, Parameter("k", "exponent", 0.05, 1.0, "worth of streams: N is multiplied by P**k"), _ALPHA),
    variables=(STREAMS,),
    title="Parallel streams, worth a power",
    source=f"a variant of {_SOURCE}",
    about="Checking the logarithm: on the public runs it fits worse than parscale.",
    topic="architecture",
    when_not="More streams than were trained: this law promises more than the logarithm.",
)

FORMS = (PARSCALE, PARSCALE_POWER)
