"""Four laws in one quantity, judged by extrapolation (Alabdulmohsin et al. 2022, arXiv:2209.06640, section 4).

    M1  L = beta x**(−c)                        Hestness et al. 2017 too
    M2  L = beta x**(−c) + E                    this is power_d
    M3  L = beta (1/x + gamma)**c + E           levels off both ways: a floor made of a largest useful x
    M4  (L − E)/(L_0 − L)**alpha = beta x**(−c)     sigmoid-like between a guess L_0 and a floor E

The paper writes M3 without the floor when gamma is fitted. M4 gives L only by solving an equation: see
``isoflop.laws.sigmoidal``. Their winner depends on the task, which is the point: choose by what extrapolates.
"""

from isoflop.laws.form import Form, Parameter

_SOURCE = "Alabdulmohsin et al. 2022, arXiv:2209.06640, section 4"
_C = Parameter("c", "exponent", 0.02, 0.6, "how fast data help")

M1 = Form(
    "beta/D**c",
    name="m1",
    parameters=(Parameter("beta", "scale", 2.0, 1e3, "loss at D = 1", "nats/token"), _C),
    title="M1: a bare power law in data",
    source=f"{_SOURCE}; Hestness et al. 2017, arXiv:1712.00409",
    about="Losses far above their floor: exponents of 0.07 in word models and 0.09 in character models.",
    topic="one-quantity",
    when_not="Near a floor: it forecasts losses that go to zero.",
)
M3 = Form(
    "beta*(1/D + gamma)**c",
    name="m3",
    parameters=(
        Parameter("beta", "scale", 2.0, 1e3, "loss at 1/D + gamma = 1", "nats/token"),
        Parameter("gamma", "scale", 1e-13, 1e-10, "one over the data beyond which more do not help", "1/tokens"),
        _C,
    ),
    title="M3: a power law that levels off",
    source=_SOURCE,
    about="A floor that comes from one largest useful amount of data.",
    topic="one-quantity",
    when_not="Runs that differ in anything but data.",
)

FORMS = (M1, M3)
