"""What the workers that are up can do."""

from __future__ import annotations

import msgspec

__all__ = ["Model", "ModelInput", "Models", "Worker"]


class ModelInput(msgspec.Struct, frozen=True):
    width: int
    height: int
    fit: str


class Model(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    version: str
    kind: str
    licence: str
    source: str
    input: ModelInput
    default_limit: int
    default_threshold: float
    classes: int
    workers: int
    #: What it tells beside a tagger's tags.
    looks_for: str | None = None


class Worker(msgspec.Struct, frozen=True):
    name: str
    device: str
    captioner: str
    models: tuple[str, ...]


class Models(msgspec.Struct, frozen=True):
    #: The model of a request that names none.
    default: str | None
    models: tuple[Model, ...]
    workers: tuple[Worker, ...]
