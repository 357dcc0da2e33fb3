"""Data mixing: the loss on one domain against the shares of all (Ye et al. 2024, arXiv:2403.16952).

    L_i(r) = c_i + k_i exp(Σ_j t_ij r_j)

r_j are the shares of the domains in the training data and add to one. k_i is then no parameter of its own: multiplying
it by e**s is adding s to every t_ij, so the form leaves it out and its t_j hold ln k_i. A negative t_j says that domain
j helps. Fit each validation domain on its own; the loss on a blend is the blend of the losses.
"""

from isoflop.laws.form import Form, Parameter, Variable


def domain_mixture(domains: int) -> Form:
    """The law for so many domains, named mixture_2, mixture_3 and so on; shares are proportion_domain_1 and so on."""
    places = range(1, domains + 1)
    return Form(
        f"c + exp({' + '.join(f't_{j}*r_{j}' for j in places)})",
        name=f"mixture_{domains}",
        parameters=(
            Parameter("c", "offset", 0.0, 3.0, "loss that no mixture removes", "nats/token"),
            *(
                Parameter(f"t_{j}", "real", -3.0, 2.0, f"ln of the rest of the loss on domain {j} alone")
                for j in places
            ),
        ),
        variables=tuple(
            Variable(f"r_{j}", f"proportion_domain_{j}", "", f"share of domain {j} in the training data", 0.02, 0.6)
            for j in places
        ),
        title=f"Mixture of {domains} domains",
        source="Ye et al. 2024, arXiv:2403.16952",
        about="One size and length of training, with the shares of the domains varied; one validation loss at a time.",
        topic="data-mixture",
        when_not=f"Fewer than {3 * (domains + 1)} mixtures, or sizes that differ: fit each size on its own. Write "
        "mixture_K for K domains.",
    )


FORMS = (domain_mixture(3), domain_mixture(5))
