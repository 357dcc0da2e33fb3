"""The coupled law: the two shortages share one outer power.

    L(N, D) = E + (A/N**alpha + B/D**beta)**kappa

kappa = 1 is Chinchilla; E = 0 and kappa = alpha_D is Kaplan's joint law. Busbridge et al. 2025 (arXiv:2502.08606)
use it for supervised losses, "Skaling" 2026 (arXiv:2608.07222) fits kappa of 0.3 to 0.5. The optimal split does not
depend on kappa.
"""

from isoflop.laws.form import Form, Parameter

COUPLED = Form(
    "E + (A/N**alpha + B/D**beta)**kappa",
    name="coupled",
    parameters=(
        Parameter("E", "offset", 0.0, 3.0, "loss of an ideal model", "nats/token"),
        Parameter("A", "scale", 10.0, 1e8, "what finite size costs at N = 1, before the outer power"),
        Parameter("alpha", "exponent", 0.1, 1.2, "how fast size helps, before the outer power"),
        Parameter("B", "scale", 10.0, 1e10, "what finite data cost at D = 1, before the outer power"),
        Parameter("beta", "exponent", 0.1, 1.2, "how fast data help, before the outer power"),
        Parameter("kappa", "exponent", 0.25, 1.3, "outer power; 1 is Chinchilla"),
    ),
    title="Coupled: size and data share an outer power",
    source="Busbridge et al. 2025, arXiv:2502.08606, eq. 7; Skaling 2026, arXiv:2608.07222",
    about="One parameter more than Chinchilla, which it contains; often better far outside the data.",
    when_not="Fewer than about twelve runs: kappa, E and the exponents trade off against each other.",
)

FORMS = (COUPLED,)
