"""Wagtail's search in the database, made safe on SQLite: a quotation mark that somebody types begins no phrase of its index (FTS5).

`WAGTAILSEARCH_BACKENDS` names this module. The backend of django-modelsearch 1.3 writes what was typed between quotation marks and
leaves those in it as they are, so that one of them was an error of the server.
"""

from typing import Any

from modelsearch.backends import database
from modelsearch.query import And, Boost, MatchAll, Not, Or, Phrase, PlainText, SearchQuery


def plain(query: SearchQuery) -> SearchQuery:
    """The same query with blanks for quotation marks; what holds nothing else finds nothing."""
    if isinstance(query, PlainText | Phrase):
        words = query.query_string.replace('"', " ").replace("\0", " ")
        if not words.strip():
            return Not(MatchAll())
        return Phrase(words) if isinstance(query, Phrase) else PlainText(words, operator=query.operator, boost=query.boost)
    if isinstance(query, And | Or):
        return type(query)([plain(part) for part in query.subqueries])
    if isinstance(query, Not):
        return Not(plain(query.subquery))
    if isinstance(query, Boost):
        return Boost(plain(query.subquery), query.boost)
    return query


def SearchBackend(params: dict) -> Any:
    """The database's backend: ours on SQLite, the library's elsewhere."""
    found = database.SearchBackend(params)
    if type(found).__name__ != "SQLiteSearchBackend":
        return found
    from core.sqlite_search import Backend  # the library has its models on SQLite alone

    return Backend(params)
