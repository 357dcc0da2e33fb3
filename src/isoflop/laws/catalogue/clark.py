"""Routed language models: size and experts (Clark et al. 2022, arXiv:2202.01169).

    log10 L = a log10 N + b log10 Ê + c log10 N log10 Ê + d
    1/Ê     = 1/(K − 1 + 1/(1/E_start − 1/E_max)) + 1/E_max

N are the parameters a token passes, K the experts. Ê saturates: it is E_start at one expert and E_max at infinitely
many. c > 0 says that experts help large models less: at N_cutoff = 10**(−b/c) they help no more. The effective
parameter count of a routed model is the N of the dense model with the same loss. Logarithms are to base ten.
"""

from isoflop.laws.form import Form, Parameter, Variable

EXPERTS = Variable("K", "num_experts", "experts", "experts a routed layer has; 1 is dense", 1.0, 512.0)
_SATURATED = "1/(1/(K - 1 + 1/(1/E_start - 1/E_max)) + 1/E_max)"

CLARK = Form(
    f"10**(a*log10(N) + (b + c*log10(N))*log10({_SATURATED}) + d)",
    name="clark",
    parameters=(
        Parameter("a", "real", -0.12, -0.04, "slope in log N of a dense model"),
        Parameter("b", "real", -0.2, -0.08, "slope in log experts of a model of one parameter"),
        Parameter("c", "real", 0.005, 0.015, "how much experts help less as size grows"),
        Parameter("E_start", "scale", 1.2, 5.0, "experts that a dense model counts as", "experts"),
        Parameter("E_max", "scale", 200.0, 600.0, "experts that infinitely many count as", "experts"),
        Parameter("d", "real", 0.9, 1.3, "log10 of the loss at N = 1 and one expert"),
    ),
    variables=(EXPERTS,),
    title="Clark: experts help, and help large models less",
    source="Clark et al. 2022, arXiv:2202.01169",
    about="Mixtures of experts that differ in size and number of experts, trained on the same tokens.",
    topic="experts",
    when_not="Tokens that differ between runs, or losses near their floor: the law has neither.",
)

FORMS = (CLARK,)
