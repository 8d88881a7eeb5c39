"""Photos that say how good a model is: labelled ones out of packages, and pictures that show nothing it knows."""
