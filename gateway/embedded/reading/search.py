"""Text search: `word "a phrase" -not !not +must` to conditions on a text."""

import re

from sqlalchemy import ColumnElement, and_, func, or_

# A sign counts only before a term or a phrase; a phrase may be left open.
TERMS = re.compile(
    r"""[-!+](?!\S) | (?P<sign>[-!+])?+ (?: "(?P<phrase>(?:\\.|[^"\\]|\\\Z)*)"? | (?P<term>[^\s"]+) )""",
    re.VERBOSE | re.DOTALL,
)
ESCAPED = re.compile(r'\\(["\\])')


def search(text: ColumnElement[str], query: str) -> list[ColumnElement[bool]]:
    """Turn a search query into conditions on a text, the case of letters ignored; none for a query without terms.

    One condition for the terms of which any must occur, one for those that must not, one for those that all must.
    """
    any_of: list[ColumnElement[bool]] = []
    none_of: list[ColumnElement[bool]] = []
    all_of: list[ColumnElement[bool]] = []
    for match in TERMS.finditer(query):
        term = match["term"] or ESCAPED.sub(r"\1", match["phrase"] or "")
        if term.strip():
            found = func.lower(text).contains(term.lower(), autoescape=True)
            {None: any_of, "+": all_of}.get(match["sign"], none_of).append(found)
    conditions = []
    if any_of:
        conditions.append(or_(*any_of))
    if none_of:
        conditions.append(and_(*(~found for found in none_of)))
    if all_of:
        conditions.append(and_(*all_of))
    return conditions
