"""Search in SQLite's index, with queries that hold no sign of its language (`core.search`)."""

from typing import Any

from modelsearch.backends.database.sqlite.sqlite import SQLiteAutocompleteQueryCompiler, SQLiteSearchBackend, SQLiteSearchQueryCompiler
from modelsearch.query import SearchQuery

from core.search import plain


class _Plain:
    query: SearchQuery

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.query = plain(self.query)


class Compiler(_Plain, SQLiteSearchQueryCompiler):
    pass


class AutocompleteCompiler(_Plain, SQLiteAutocompleteQueryCompiler):
    pass


class Backend(SQLiteSearchBackend):
    query_compiler_class = Compiler
    autocomplete_query_compiler_class = AutocompleteCompiler
