"""What the service answers. Fields that a newer service adds are skipped; what it may leave out is `None` or empty."""

from .batches import *
from .models import *
from .tags import *
