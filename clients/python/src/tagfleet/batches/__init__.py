"""Lists of any length."""

from .awaiting import AsyncBatches
from .blocking import Batches

__all__ = ["AsyncBatches", "Batches"]
