class TaxonomyError(Exception):
    """The tables, the class names and WordNet do not fit together."""
