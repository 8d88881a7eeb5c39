"""Client of Tagfleet, a service that tags and captions images.

>>> from tagfleet import Tagfleet
>>> with Tagfleet() as client:
...     answer = client.tag("cat.png", limit=1)
>>> [tag.name for tag in answer.tags]
['cat']
"""

from .answers import Alike, Batch, BatchPage, Embedding, Event, Failed, Models, NearTag, Row, SearchAnswer, Tag, TagAnswer, Tagged
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
    NotAnImage,
    ProblemError,
    RequestError,
    ServiceError,
    TagfleetError,
    UnreadableAnswer,
)
from .many import Outcome, Progress
from .options import BatchOptions, Feature, RetagOptions, SearchOptions, TagOptions
from .version import __version__
from .webhooks import verify_webhook

__all__ = [
    "Alike",
    "AsyncTagfleet",
    "AuthenticationError",
    "Batch",
    "BatchOptions",
    "BatchPage",
    "BusyError",
    "ConflictError",
    "ConnectionLost",
    "DeadlinePassed",
    "Embedding",
    "Event",
    "Failed",
    "Feature",
    "Image",
    "ImageError",
    "InvalidSignature",
    "Models",
    "NearTag",
    "NotAnImage",
    "Outcome",
    "ProblemError",
    "Progress",
    "RequestError",
    "RetagOptions",
    "Row",
    "SearchAnswer",
    "SearchOptions",
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
