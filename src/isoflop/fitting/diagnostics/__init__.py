"""Whether to trust a law on these runs: residuals, influence, identification, support, oddities, seed noise, families.

Each file looks at one thing and says it as ``Finding``s: a severity, one sentence with numbers, a remedy and a figure.
"""

from isoflop.fitting.diagnostics.diagnose import Diagnosis, diagnose
from isoflop.fitting.diagnostics.finding import Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
