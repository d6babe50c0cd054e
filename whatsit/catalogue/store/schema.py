"""The tables of the store and the steps from one version to the next."""

from __future__ import annotations

import sqlite3

from whatsit_client.errors import Damaged

# One entry per version; a published one never changes, a new one is added behind it.
# AUTOINCREMENT: the number of a deleted item is never given to another, or an older index would name the wrong one.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE items (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        title TEXT,
        brand TEXT,
        category TEXT,
        price REAL,
        url TEXT,
        attributes TEXT NOT NULL,
        added TEXT NOT NULL,
        updated TEXT NOT NULL
    );
    CREATE INDEX items_category ON items (category);
    CREATE INDEX items_brand ON items (brand);
    CREATE TABLE images (
        image INTEGER PRIMARY KEY,
        item INTEGER NOT NULL REFERENCES items (number) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        path TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        UNIQUE (item, position)
    );
    CREATE TABLE vectors (
        image INTEGER NOT NULL REFERENCES images (image) ON DELETE CASCADE,
        fingerprint TEXT NOT NULL,
        x1 REAL NOT NULL,
        y1 REAL NOT NULL,
        x2 REAL NOT NULL,
        y2 REAL NOT NULL,
        vector BLOB NOT NULL
    );
    CREATE INDEX vectors_image ON vectors (image);
    CREATE INDEX vectors_fingerprint ON vectors (fingerprint);
    """,
    # Numbers of trimmed entries are never given again either. What changed before this version is not in the log; it
    # reaches the index as it did then, by publishing.
    """
    CREATE TABLE changes (sequence INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER NOT NULL);
    CREATE TABLE trimmed (sequence INTEGER NOT NULL);
    INSERT INTO trimmed VALUES (0);
    """,
    # `item_text` has a row per item, rowid = number: what a caller's words are looked up in. Of the attributes the
    # values alone, for their names stand in every item.
    """
    CREATE TABLE local_features (
        image INTEGER PRIMARY KEY REFERENCES images (image) ON DELETE CASCADE,
        rows BLOB NOT NULL
    );
    CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE clicks (
        click INTEGER PRIMARY KEY AUTOINCREMENT,
        item TEXT NOT NULL,
        path TEXT NOT NULL,
        box TEXT,
        made TEXT NOT NULL
    );
    CREATE VIRTUAL TABLE item_text USING fts5 (
        title, brand, category, attributes, tokenize = 'unicode61 remove_diacritics 2'
    );
    INSERT INTO item_text (rowid, title, brand, category, attributes)
    SELECT number, title, brand, category,
        (SELECT group_concat(atom, ' ') FROM json_tree(items.attributes) WHERE atom IS NOT NULL)
    FROM items;
    """,
    # `found_as` is the item whose number a match of the picture bears: the picture's own, the main one of a merged
    # item, or NULL, where the picture was dropped. It and `merged_into` follow from the decisions that stand; pictures
    # and items are named there by what a merchant's next file has in common with this one: hash and id.
    """
    ALTER TABLE items ADD COLUMN merged_into INTEGER;
    ALTER TABLE images ADD COLUMN found_as INTEGER;
    UPDATE images SET found_as = item;
    CREATE INDEX images_found_as ON images (found_as);
    CREATE TABLE cleanings (
        run INTEGER PRIMARY KEY AUTOINCREMENT,
        made TEXT NOT NULL,
        command TEXT NOT NULL,
        settings TEXT NOT NULL
    );
    CREATE TABLE decisions (
        decision INTEGER PRIMARY KEY AUTOINCREMENT,
        run INTEGER NOT NULL REFERENCES cleanings (run),
        step TEXT NOT NULL,
        verdict TEXT NOT NULL,
        item TEXT NOT NULL,
        sha256 TEXT,
        other_item TEXT,
        other_sha256 TEXT,
        reason TEXT NOT NULL,
        figures TEXT NOT NULL,
        undone TEXT
    );
    CREATE INDEX decisions_item ON decisions (item);
    CREATE INDEX decisions_run ON decisions (run);
    CREATE INDEX decisions_merged ON decisions (other_item) WHERE verdict = 'merged' AND undone IS NULL;
    """,
    # What ingestion notes of a picture; a row per picture and kind of hash, so that another kind may be added later.
    """
    CREATE TABLE picture_facts (
        image INTEGER PRIMARY KEY REFERENCES images (image) ON DELETE CASCADE,
        md5 BLOB,
        kept TEXT,
        x1 REAL,
        y1 REAL,
        x2 REAL,
        y2 REAL,
        label TEXT,
        label_score REAL,
        topic TEXT,
        topic_score REAL,
        tag TEXT,
        tag_score REAL
    );
    CREATE INDEX picture_facts_md5 ON picture_facts (md5);
    CREATE TABLE picture_hashes (
        image INTEGER NOT NULL REFERENCES images (image) ON DELETE CASCADE,
        kind TEXT NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (image, kind)
    ) WITHOUT ROWID;
    """,
    # What a person said of a photo: `match` (it shows the item), `none` (no item that was shown is right, item is '')
    # or `crop` (a region that was searched, item is '').
    """
    ALTER TABLE clicks ADD COLUMN kind TEXT NOT NULL DEFAULT 'match';
    """,
    # The items' codes (EAN, ISBN, SKU …) in the form of `product_codes`; `codes_of_item` is a function of ours.
    # In order, for a million rows in any other take minutes.
    """
    CREATE TABLE item_codes (
        code TEXT NOT NULL,
        item INTEGER NOT NULL REFERENCES items (number) ON DELETE CASCADE,
        PRIMARY KEY (code, item)
    ) WITHOUT ROWID;
    INSERT OR IGNORE INTO item_codes (code, item)
    SELECT value, number FROM items, json_each(codes_of_item(items.id, items.attributes)) ORDER BY value;
    CREATE INDEX item_codes_item ON item_codes (item);
    """,
    # Deleted items with all of their rows, so that a deletion can be undone; `files` are their pictures in the
    # catalogue's own folder.
    """
    CREATE TABLE deleted_items (
        number INTEGER PRIMARY KEY,
        deletion INTEGER NOT NULL,
        id TEXT NOT NULL,
        title TEXT,
        made TEXT NOT NULL,
        files TEXT NOT NULL,
        rows BLOB NOT NULL
    );
    CREATE INDEX deleted_items_deletion ON deleted_items (deletion, number);
    CREATE INDEX deleted_items_id ON deleted_items (id);
    """,
    # `score` is the detector's of an object, NULL for the vector of a whole picture; `objects` counts the separate
    # ones of a picture, NULL where none were looked for.
    """
    ALTER TABLE vectors ADD COLUMN score REAL;
    ALTER TABLE picture_facts ADD COLUMN objects INTEGER;
    CREATE INDEX picture_facts_objects ON picture_facts (objects) WHERE objects > 0;
    """,
)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the version of the tables, 0 for an empty file."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to date, each step in one transaction.

    Args:
        connection: in autocommit mode (`isolation_level=None`).

    Raises:
        Damaged: the file was written by a newer version of Whatsit.
    """
    if version_of(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = version_of(connection)
        refuse_newer(version)
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            for statement in step.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {number}")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def check_readable(connection: sqlite3.Connection) -> None:
    """Refuse tables that this version cannot read without changing them.

    Raises:
        Damaged: they are older or newer.
    """
    version = version_of(connection)
    refuse_newer(version)
    if version < len(MIGRATIONS):
        raise Damaged(
            f"The catalogue has tables of version {version} instead of {len(MIGRATIONS)}; "
            "run 'whatsit catalogue compact' on it once, which updates them."
        )


def refuse_newer(version: int) -> None:
    """Refuse tables of a newer version of Whatsit.

    Raises:
        Damaged: they are newer.
    """
    if version > len(MIGRATIONS):
        raise Damaged(
            f"The catalogue has tables of version {version} and this version of Whatsit reads up to {len(MIGRATIONS)}; "
            "update Whatsit."
        )
