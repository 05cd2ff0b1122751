"""The signals between compiled plans and graphql-core."""


class Irregular(Exception):
    """Something that a plan leaves to graphql-core: the operation is executed again, over the reads already made."""


class Unsupported(Exception):
    """An operation that is not compiled; the text says which part of it."""
