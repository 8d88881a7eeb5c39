"""Errors: families to handle, and below them a class for each stable code of the service."""

from .base import *
from .codes import *
