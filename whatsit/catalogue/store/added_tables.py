"""Tables that a catalogue gets when it is next opened for changes.

Older versions of Whatsit leave them alone, and a reader without them works: so they need no step of `schema`.
"""

from __future__ import annotations

import sqlite3

# Who opened a run of the decision log, what the reviewer wrote, what else a decision changed, and who undid it.
_DECISIONS = """
CREATE TABLE IF NOT EXISTS cleaning_people (run INTEGER PRIMARY KEY, who TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS decision_notes (
    decision INTEGER PRIMARY KEY,
    why TEXT NOT NULL,
    task INTEGER,
    outcome TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS decision_notes_task ON decision_notes (task);
CREATE TABLE IF NOT EXISTS decision_undos (decision INTEGER PRIMARY KEY, who TEXT NOT NULL);
"""

# `key` names the subject: a task is asked once, whatever fills the queue. `sample` tasks get two votes; `seconded` and
# `disputed` say how the second one went. A lease is a token for several tasks; `until` is a time in seconds.
_REVIEW = """
CREATE TABLE IF NOT EXISTS review_tasks (
    task INTEGER PRIMARY KEY AUTOINCREMENT,
    queue TEXT NOT NULL,
    key TEXT NOT NULL,
    score REAL NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'open',
    sample INTEGER NOT NULL DEFAULT 0,
    seconded INTEGER NOT NULL DEFAULT 0,
    disputed INTEGER NOT NULL DEFAULT 0,
    verdict TEXT,
    decision INTEGER,
    UNIQUE (queue, key)
);
CREATE INDEX IF NOT EXISTS review_tasks_next ON review_tasks (queue, state, score DESC, task);
CREATE INDEX IF NOT EXISTS review_tasks_sample ON review_tasks (queue, state, score DESC) WHERE sample AND NOT seconded;
CREATE INDEX IF NOT EXISTS review_tasks_decision ON review_tasks (decision) WHERE decision IS NOT NULL;
CREATE TABLE IF NOT EXISTS review_leases (
    task INTEGER NOT NULL,
    lease TEXT NOT NULL,
    who TEXT NOT NULL,
    until REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'held',
    PRIMARY KEY (task, lease)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS review_leases_lease ON review_leases (lease);
CREATE INDEX IF NOT EXISTS review_leases_held ON review_leases (until) WHERE state = 'held';
CREATE TABLE IF NOT EXISTS review_votes (
    task INTEGER NOT NULL,
    lease TEXT NOT NULL,
    who TEXT NOT NULL,
    verdict TEXT NOT NULL,
    made TEXT NOT NULL,
    decision INTEGER,
    PRIMARY KEY (task, lease)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS click_vectors (
    click INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    vector BLOB NOT NULL,
    width REAL NOT NULL,
    height REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS click_pictures (
    click INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS click_pictures_sha256 ON click_pictures (sha256);
"""

# Answers are counted by day; of an answer that was not sure the first two items are a pair that is confused.
_SEARCHES = """
CREATE TABLE IF NOT EXISTS search_counts (
    day TEXT NOT NULL,
    state TEXT NOT NULL,
    searches INTEGER NOT NULL,
    PRIMARY KEY (day, state)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS found_counts (
    day TEXT NOT NULL,
    item TEXT NOT NULL,
    searches INTEGER NOT NULL,
    PRIMARY KEY (day, item)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS confused_counts (
    day TEXT NOT NULL,
    one TEXT NOT NULL,
    other TEXT NOT NULL,
    searches INTEGER NOT NULL,
    PRIMARY KEY (day, one, other)
) WITHOUT ROWID;
"""

_OTHERS = """
CREATE TABLE IF NOT EXISTS item_history (
    entry INTEGER PRIMARY KEY AUTOINCREMENT,
    item TEXT NOT NULL,
    made TEXT NOT NULL,
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    before TEXT,
    after TEXT
);
CREATE INDEX IF NOT EXISTS item_history_item ON item_history (item, entry);
CREATE TABLE IF NOT EXISTS jobs (
    job INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    state TEXT NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    total INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT '',
    who TEXT NOT NULL,
    pid INTEGER,
    started TEXT NOT NULL,
    finished TEXT,
    error TEXT,
    report TEXT
);
CREATE INDEX IF NOT EXISTS jobs_subject ON jobs (kind, subject, job);
"""

# A list of items is read in any order from these (and the indexes of `schema`) without a look at the items.
_LISTS = """
CREATE INDEX IF NOT EXISTS items_merged ON items (merged_into);
CREATE INDEX IF NOT EXISTS items_title ON items (title COLLATE NOCASE);
CREATE INDEX IF NOT EXISTS items_price ON items (price);
CREATE INDEX IF NOT EXISTS items_updated ON items (updated);
"""

_STATEMENTS = [
    one for text in (_DECISIONS, _REVIEW, _SEARCHES, _OTHERS, _LISTS) for one in text.split(";") if one.strip()
]
_NAMES = tuple(one.split()[5] for one in _STATEMENTS)


def add_tables(connection: sqlite3.Connection) -> None:
    """Make the tables that are not there yet, in one transaction.

    Args:
        connection: in autocommit mode.
    """
    if not _lacking(connection):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in _STATEMENTS:
            connection.execute(statement)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def has_added_tables(connection: sqlite3.Connection) -> bool:
    """Return whether the tables are there."""
    return not _lacking(connection)


def _lacking(connection: sqlite3.Connection) -> set[str]:
    there = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'index')")}
    return set(_NAMES) - there
