"""Many images, one call: the part that needs no network."""

from .pace import Pace
from .run import Item, Outcome, Progress, Run

__all__ = ["Item", "Outcome", "Pace", "Progress", "Run"]
