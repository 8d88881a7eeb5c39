"""The steps of a build. Standard library only: what needs numpy and onnx runs in a sandbox of its own."""


class BuildError(Exception):
    """What stops a build, in words for the person at the terminal."""
