"""Items by the words of their fields: SQLite's full-text index, best match first."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.database import Database

MAX_LENGTH = 200
MAX_WORDS = 32
MAX_READ = 24
# bm25 weights of title, brand, category, attributes: a word of the title says most.
_WEIGHTS = "4.0, 3.0, 1.0, 1.0"
_WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> tuple[str, ...]:
    """Return the words that are looked for, letters and digits alone.

    Raises:
        InvalidInput: there is none, or the text is too long.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidInput(f"text must be at most {MAX_LENGTH} characters long, not {len(text)}.")
    words = tuple(dict.fromkeys(_WORD.findall(text.casefold())))
    if not 1 <= len(words) <= MAX_WORDS:
        raise InvalidInput(
            f"text must hold 1..{MAX_WORDS} words of a title, brand or size; {len(words)} were found in it."
        )
    return words


class ItemText:
    """The full-text index of one store.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def with_any(
        self, words: Sequence[str], limit: int, allowed: npt.NDArray[np.int64] | None = None
    ) -> npt.NDArray[np.int64]:
        """Return the items that hold any of these words, int64, best first by BM25.

        Of the words, which may have been misread, the `MAX_READ` longest of three letters or more are looked for.

        Args:
            words: letters and digits alone.
            limit: items at most.
            allowed: numbers of the items that may be found; None for all.
        """
        longest = sorted((word for word in words if len(word) > 2), key=len, reverse=True)[:MAX_READ]
        return self._found(_quoted(longest), limit, allowed) if longest else np.empty(0, dtype=np.int64)

    def search(self, text: str, limit: int, allowed: npt.NDArray[np.int64] | None = None) -> npt.NDArray[np.int64]:
        """Return the items that hold any of the words, int64, best first by BM25.

        Args:
            text: the caller's.
            limit: items at most.
            allowed: numbers of the items that may be found; None for all.

        Raises:
            InvalidInput: the text has no words, or too many.
        """
        words = words_of(text)  # the last one may be unfinished
        return self._found(f'{_quoted(words)} OR "{words[-1]}" *', limit, allowed)

    def list_all(self, text: str, allowed: npt.NDArray[np.int64] | None, common: int) -> npt.NDArray[np.int64]:
        """Return all items that hold any of the words, int64.

        Args:
            text: the caller's.
            allowed: numbers of the items that may be found; None for all.
            common: of more items than these the order is that of adding; else best first by BM25.

        Raises:
            InvalidInput: the text has no words, or too many.
        """
        words = words_of(text)
        query = f'{_quoted(words)} OR "{words[-1]}" *'
        matching = "FROM item_text WHERE item_text MATCH ?"
        if self._database.rows(f"SELECT count(*) {matching}", [query])[0][0] <= common:
            return self._found(query, -1, allowed)
        # As JSON, which is faster than so many rows.
        (text,) = self._database.rows(f"SELECT json_group_array(rowid) {matching}", [query])[0]
        found = np.sort(np.array(json.loads(text), dtype=np.int64))
        return found if allowed is None else found[np.isin(found, allowed)]

    def _found(self, query: str, limit: int, allowed: npt.NDArray[np.int64] | None) -> npt.NDArray[np.int64]:
        condition, parameters = "", [query]
        if allowed is not None:
            # The plus keeps SQLite from matching the words once for each allowed item.
            condition = "AND +rowid IN (SELECT value FROM json_each(?)) "
            parameters.append("[" + ",".join(map(str, allowed.tolist())) + "]")
        rows = self._database.rows(
            f"SELECT rowid FROM item_text WHERE item_text MATCH ? {condition}"
            f"ORDER BY bm25(item_text, {_WEIGHTS}), rowid LIMIT ?",
            [*parameters, limit],
        )
        return np.array([row[0] for row in rows], dtype=np.int64)


def _quoted(words: Sequence[str]) -> str:
    """Return a query for any of the words; quoted, no word is an operator."""
    return " OR ".join(f'"{word}"' for word in words)


def record_text(connection: sqlite3.Connection, item: int) -> None:
    """Update an item's words, in the transaction that changes it."""
    connection.execute("DELETE FROM item_text WHERE rowid = ?", (item,))
    connection.execute(
        "INSERT INTO item_text (rowid, title, brand, category, attributes) SELECT number, title, brand, category, "
        "(SELECT group_concat(atom, ' ') FROM json_tree(items.attributes) WHERE atom IS NOT NULL) "
        "FROM items WHERE number = ? AND merged_into IS NULL",
        (item,),
    )
