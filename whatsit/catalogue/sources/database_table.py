"""Tables and queries of databases, by the addresses of SQLAlchemy."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.catalogue.sources.column_map import SourceOptions
from whatsit.catalogue.sources.header_names import recognised
from whatsit.catalogue.sources.record import Record
from whatsit.catalogue.sources.source_row import Skipped

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine, Executable

_ROWS_AT_ONCE = 500
_MOST_WORDS = 200
_DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient"}


class DatabaseTable:
    """A table, a view or the rows of a query.

    Nothing is written: SQLite files are opened for reading, and every transaction is rolled back.

    Args:
        url: of SQLAlchemy, such as `sqlite:///shop.db` or `postgresql://user@host/shop`.
        options: what the caller knows; `query` is a SELECT or the name of a table.

    Raises:
        InvalidInput: the address is none, the database cannot be read, or no table is clearly that of items.
        Unavailable: SQLAlchemy or the database's driver is not installed.
    """

    def __init__(self, url: str, options: SourceOptions) -> None:
        self._url = _parsed(url)
        self.name = self._url.render_as_string(hide_password=True)
        # Relative paths of pictures start from the database's folder.
        file = self._url.database if self._url.get_backend_name() == "sqlite" else None
        self.path = Path(file) if file else Path("database")
        self.notes: list[str] = []
        self._engine = _engine(self._url)
        with self._reading() as connection:
            self._statement, self._what = self._chosen(connection, options.query)
            self.columns = list(self._rows(connection, 1).keys())

    def count(self) -> int:
        """Return the number of rows, 0 where the database does not say."""
        from sqlalchemy import func, select
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection:
                inner: Any = self._statement
                return int(connection.execute(select(func.count()).select_from(inner.subquery())).scalar() or 0)
        except (SQLAlchemyError, AttributeError):
            return 0

    def records(self) -> Iterator[Record | Skipped]:
        """Return every row."""
        number = 0
        try:
            with self._reading() as connection:
                for row in self._rows(connection, _ROWS_AT_ONCE).mappings():
                    number += 1
                    values = {str(name): _value(value) for name, value in row.items()}
                    yield Record(values, f"{self.name} {self._what} row {number}")
        except InvalidInput as error:
            yield Skipped(f"{self.name} {self._what} after row {number}", str(error).rstrip("."))

    def _rows(self, connection: Connection, at_once: int) -> Any:
        result = connection.execution_options(stream_results=True, max_row_buffer=at_once).execute(self._statement)
        if not result.returns_rows:
            raise InvalidInput(f"The query for {self.name} returns no rows; give a SELECT.")
        return result

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._engine.connect() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise InvalidInput(f"{self.name} cannot be read ({_words(error)}).") from error

    def _chosen(self, connection: Connection, query: str | None) -> tuple[Executable, str]:
        """Return the rows that are wanted, and what they are for people."""
        from sqlalchemy import inspect, table, text

        inspected = inspect(connection)
        schema, _, plain = (query or "").strip().rpartition(".")
        names = [*inspected.get_table_names(schema or None), *inspected.get_view_names(schema or None)]
        if query and plain not in names:
            words = query.strip().rstrip(";")
            if " " not in words:
                raise InvalidInput(f"{self.name} has no table '{words[:60]}'; its tables are {_listed(names)}.")
            columns = connection.execute(text(words))
            if not columns.returns_rows:
                raise InvalidInput(f"The query for {self.name} returns no rows; give a SELECT.")
            keys = list(columns.keys())
            columns.close()
            from sqlalchemy import column

            return text(words).columns(*(column(key) for key in keys)), "query"
        name = plain if query else self._best(inspected, names)
        named = [one["name"] for one in inspected.get_columns(name, schema or None)]
        from sqlalchemy import column, select

        source = table(name, *(column(one) for one in named), schema=schema or None)
        return select(source), name

    def _best(self, inspected: Any, names: Sequence[str]) -> str:
        """Return the table whose columns are best known as those of items."""
        known = {name: recognised([one["name"] for one in inspected.get_columns(name)]) for name in names}
        fitting = sorted((name for name in names if "id" in known[name]), key=lambda name: -len(known[name]))
        if not fitting:
            raise InvalidInput(f"{self.name} has no table with a column id; its tables are {_listed(names)}.")
        if len(fitting) > 1:
            if len(known[fitting[0]]) == len(known[fitting[1]]):
                raise InvalidInput(
                    f"{self.name} has several tables that may hold items ({_listed(fitting)}); name one with --query."
                )
            others = [name for name in names if name != fitting[0]]
            self.notes.append(f"the table '{fitting[0]}' is read, and not {_listed(others)}")
        return fitting[0]


def is_database(source: str) -> bool:
    """Return whether an address is one of SQLAlchemy, by the name of its database."""
    return source.partition("://")[0].partition("+")[0].lower() in DATABASES


DATABASES = (
    "sqlite",
    "postgresql",
    "postgres",
    "mysql",
    "mariadb",
    "mssql",
    "oracle",
    "duckdb",
    "snowflake",
    "bigquery",
)


def _parsed(url: str) -> URL:
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError
    except ModuleNotFoundError as error:
        raise Unavailable("Databases need SQLAlchemy: pip install 'whatsit[sql]'.") from error
    scheme, mark, rest = url.partition("://")
    scheme = scheme.replace("postgres", "postgresql") if scheme.partition("+")[0] == "postgres" else scheme
    try:
        return make_url(scheme + mark + rest)
    except (ArgumentError, ValueError) as error:
        raise InvalidInput(
            "The address of the database is none of SQLAlchemy; it is like postgresql://user@host/name."
        ) from error


def _engine(url: URL) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    if url.get_backend_name() == "sqlite":
        if not url.database or not Path(url.database).is_file():
            raise InvalidInput(f"There is no file {url.database or 'of that database'}.")
        whole = quote(str(Path(url.database).resolve()))
        url = url.set(database=f"file:{whole}", query={**url.query, "mode": "ro", "uri": "true"})
    kind = url.get_backend_name()
    try:
        return create_engine(url)
    except NoSuchModuleError as error:
        raise Unavailable(f"SQLAlchemy knows no database '{url.drivername}': install its package for it.") from error
    except ModuleNotFoundError as error:
        package = _DRIVERS.get(error.name or "", error.name)
        raise Unavailable(f"The database '{kind}' needs a driver: pip install '{package}'.") from error
    except (ArgumentError, TypeError, ValueError) as error:
        raise InvalidInput(f"The address of the database '{kind}' is refused ({_words(error)}).") from error


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (datetime.timedelta, uuid.UUID)):
        return str(value)
    return bytes(value) if isinstance(value, (bytearray, memoryview)) else value


def _words(error: Exception) -> str:
    plain = getattr(error, "orig", None) or error
    return " ".join(str(plain).split())[:_MOST_WORDS] or type(plain).__name__


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)[:_MOST_WORDS] or "none"
