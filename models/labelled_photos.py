"""Writes the labelled photos as files: `labelled_photos.py PACKAGES FOLDER`; `python3 models/build.py --labelled` runs it."""

import pathlib
import sys

from photos import labelled

if __name__ == "__main__":
    labelled.write(*map(pathlib.Path, sys.argv[1:]))
