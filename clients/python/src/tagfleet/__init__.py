"""Client of Tagfleet, a service that tags and captions images.

>>> from tagfleet import Tagfleet
>>> with Tagfleet() as client:
...     answer = client.tag("cat.png", limit=1)
>>> [tag.name for tag in answer.tags]
['cat']
"""

from .answers import Batch, BatchPage, Event, Failed, Models, Row, Tag, TagAnswer, Tagged
from .async_client import AsyncTagfleet
from .calls import Image
from .client import Tagfleet
from .errors import (
    AuthenticationError,
    BusyError,
    ConflictError,
    ConnectionLost,
    DeadlinePassed,
    ImageError,
    InvalidSignature,
    ProblemError,
    RequestError,
    ServiceError,
    TagfleetError,
    UnreadableAnswer,
)
from .many import Outcome, Progress
from .options import BatchOptions, Feature, TagOptions
from .version import __version__
from .webhooks import verify_webhook

__all__ = [
    "AsyncTagfleet",
    "AuthenticationError",
    "Batch",
    "BatchOptions",
    "BatchPage",
    "BusyError",
    "ConflictError",
    "ConnectionLost",
    "DeadlinePassed",
    "Event",
    "Failed",
    "Feature",
    "Image",
    "ImageError",
    "InvalidSignature",
    "Models",
    "Outcome",
    "ProblemError",
    "Progress",
    "RequestError",
    "Row",
    "ServiceError",
    "Tag",
    "TagAnswer",
    "TagOptions",
    "Tagfleet",
    "TagfleetError",
    "Tagged",
    "UnreadableAnswer",
    "__version__",
    "verify_webhook",
]
