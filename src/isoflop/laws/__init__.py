"""What we suppose: forms, laws and the catalogue of both.

Names are imported on first use, since SymPy takes a third of a second.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from isoflop.laws.catalogue import FORMS, TOPICS, find_form, find_law, published_laws
    from isoflop.laws.form import Form, Parameter, Variable
    from isoflop.laws.law import Law, form_javascript, form_latex
    from isoflop.laws.optimum import Split, optimal_split
    from isoflop.laws.validity import Outside, outside

_HOMES = {
    "FORMS": "catalogue",
    "Form": "form",
    "Law": "law",
    "Outside": "validity",
    "Parameter": "form",
    "Split": "optimum",
    "TOPICS": "catalogue",
    "Variable": "form",
    "find_form": "catalogue",
    "find_law": "catalogue",
    "form_javascript": "law",
    "form_latex": "law",
    "optimal_split": "optimum",
    "outside": "validity",
    "published_laws": "catalogue",
}

__all__ = [
    "FORMS",
    "TOPICS",
    "Form",
    "Law",
    "Outside",
    "Parameter",
    "Split",
    "Variable",
    "find_form",
    "find_law",
    "form_javascript",
    "form_latex",
    "optimal_split",
    "outside",
    "published_laws",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
