"""What the world published: constants, accelerators, prices. Every row with its source and date."""

from isoflop.facts.loading import Fact, facts

__all__ = ["Fact", "facts"]
