"""Distillation: a student's loss from its own scale and its teacher's loss (Busbridge et al. 2025, arXiv:2502.08606).

    L_S = L_T + L_T**(−c_0) (1 + (L_T/(d_1 L_0))**(1/f_1))**(−c_1 f_1) (A/N**alpha + B/D**beta)**gamma

L_T is the teacher's loss, L_0 what a student of this N and D would reach alone (from a supervised law), N and D the
student's size and distillation tokens. The middle factor breaks where the teacher is d_1 times as good as the student
alone: past it a better teacher makes a worse student, the capacity gap. No constants ship: none could be verified.
"""

from isoflop.laws.form import Form, Parameter, Variable

DISTILLATION = Form(
    "L_T + L_T**(-c_0)*(1 + (L_T/(d_1*L_0))**(1/f_1))**(-c_1*f_1)*(A/N**alpha + B/D**beta)**gamma",
    name="distillation",
    parameters=(
        Parameter("c_0", "exponent", 0.2, 3.0, "how a weak teacher lowers the student's own share"),
        Parameter("d_1", "scale", 0.6, 1.6, "ratio of losses at which the capacity gap opens"),
        Parameter("f_1", "scale", 0.05, 0.5, "how wide the transition is"),
        Parameter("c_1", "real", 0.2, 2.0, "how strongly a too weak teacher limits the student"),
        Parameter("A", "scale", 100.0, 1e5, "what the student's size costs at N = 1, before the outer power"),
        Parameter("alpha", "exponent", 0.2, 0.7, "how fast the student's size helps"),
        Parameter("B", "scale", 100.0, 1e6, "what few tokens cost at D = 1, before the outer power"),
        Parameter("beta", "exponent", 0.2, 0.7, "how fast distillation tokens help"),
        Parameter("gamma", "exponent", 0.3, 1.2, "outer power"),
    ),
    variables=(
        Variable("L_T", "teacher_loss", "nats/token", "loss of the teacher", 1.8, 3.2),
        Variable("L_0", "supervised_loss", "nats/token", "loss of the same student trained alone", 1.8, 3.6),
    ),
    title="Distillation",
    source="Busbridge et al. 2025, arXiv:2502.08606",
    about="Students of several sizes distilled from several teachers.",
    topic="transfer",
    when_not="One teacher: c_0, c_1, d_1 and f_1 are then not identified.",
)

FORMS = (DISTILLATION,)
