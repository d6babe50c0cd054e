"""Decision log: what every cleaning decided and why; each decision can be undone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.decision import Decision, Step
from whatsit.catalogue.store.decision_effects import apply_decisions_to
from whatsit.catalogue.store.store import Store

_COLUMNS = "step, verdict, item, sha256, other_item, other_sha256, reason, figures"
_EFFECTIVE = "verdict IN ('dropped', 'merged')"


@dataclass(frozen=True)
class LoggedDecision:
    """A decision in the log.

    Args:
        number: of the decision.
        run: number of the cleaning.
        made: UTC, ISO 8601.
        command: that made it.
        settings: of that command.
        undone: when it was undone, None while it is in force.
        decision: what was decided.
    """

    number: int
    run: int
    made: str
    command: str
    settings: Mapping[str, Any]
    undone: str | None
    decision: Decision

    def to_record(self) -> dict[str, Any]:
        """Return the entry as a JSON object."""
        record = asdict(self)
        return {**{name: record[name] for name in record if name != "decision"}, **record["decision"]}


class DecisionLog:
    """The log of decisions of one store.

    Args:
        store: whose items the decisions hide and merge.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, command: str, settings: Mapping[str, Any], decisions: Sequence[Decision]) -> int | None:
        """Log decisions and apply them, all or none.

        Returns:
            The number of this cleaning; None where it only reports what is in the log already.
        """
        with self._store.transaction() as connection:
            rows = connection.execute(
                "SELECT step, item, sha256, other_item, other_sha256 FROM decisions "
                "WHERE verdict = 'reported' AND undone IS NULL"
            )
            known = set(rows.fetchall())
            decisions = [one for one in decisions if one.verdict != "reported" or _pair(one) not in known]
            if not decisions:
                return None
            run = _open_run(connection, command, settings)
            _insert(connection, run, decisions)
            apply_decisions_to(connection, [one.item for one in decisions if one.verdict in ("dropped", "merged")])
        return run

    def read(self, limit: int = 50, run: int | None = None) -> list[LoggedDecision]:
        """Return decisions, the latest first.

        Args:
            limit: how many at most.
            run: only those of this cleaning.
        """
        condition, parameters = ("WHERE run = ?", [run]) if run is not None else ("", [])
        rows = self._rows(
            f"SELECT decision, run, made, command, settings, undone, {_COLUMNS} "
            f"FROM decisions JOIN cleanings USING (run) {condition} ORDER BY decision DESC LIMIT ?",
            [*parameters, limit],
        )
        return [
            LoggedDecision(number, run, made, command, json.loads(settings), undone, _decision(values))
            for number, run, made, command, settings, undone, *values in rows
        ]

    def count(self) -> dict[str, int]:
        """Return the number of decisions in force of each verdict."""
        return dict(self._rows("SELECT verdict, count(*) FROM decisions WHERE undone IS NULL GROUP BY verdict"))

    def undo_last(self) -> tuple[int, int]:
        """Undo the latest cleaning in force.

        Returns:
            Its number, and how many of its decisions had an effect.

        Raises:
            InvalidInput: there is none.
        """
        with self._store.transaction() as connection:
            (run,) = connection.execute(
                f"SELECT max(run) FROM decisions WHERE undone IS NULL AND {_EFFECTIVE}"
            ).fetchone()
            if run is None:
                raise InvalidInput("There is no cleaning to undo; 'whatsit catalogue decisions' shows what was done.")
            undone = _undo(connection, "run = ?", run)
        return run, undone

    def undo(self, number: int) -> Decision:
        """Undo one decision; later cleanings will not make it again.

        Raises:
            InvalidInput: there is none of this number in force that has an effect.
        """
        with self._store.transaction() as connection:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM decisions WHERE decision = ? AND undone IS NULL AND {_EFFECTIVE}", (number,)
            ).fetchone()
            if row is None:
                raise InvalidInput(
                    f"There is no dropped picture or merged item under the number {number}; "
                    "'whatsit catalogue decisions' shows the numbers."
                )
            taken = _decision(row)
            _undo(connection, "decision = ?", number)
            run = _open_run(connection, "whatsit catalogue undo", {"decision": number})
            kept = replace(taken, verdict="kept", reason=f"Decision {number} was undone by hand.", figures={})
            _insert(connection, run, [kept])
        return taken

    def by_hand(self) -> set[tuple[Step, str, str | None]]:
        """Return the subjects (see `Decision.subject`) of decisions that a person undid."""
        rows = self._rows(
            "SELECT step, item, sha256 FROM decisions JOIN cleanings USING (run) "
            "WHERE command = 'whatsit catalogue undo' AND undone IS NULL"
        )
        return {(step, item, sha256) for step, item, sha256 in rows}

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with self._store.snapshot() as connection:
            return connection.execute(statement, parameters).fetchall()


def _open_run(connection: sqlite3.Connection, command: str, settings: Mapping[str, Any]) -> int:
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    run = connection.execute(
        "INSERT INTO cleanings (made, command, settings) VALUES (?,?,?)", (now, command, json.dumps(dict(settings)))
    ).lastrowid
    assert run is not None  # of the row that was just inserted
    return run


def _insert(connection: sqlite3.Connection, run: int, decisions: Sequence[Decision]) -> None:
    connection.executemany(
        f"INSERT INTO decisions (run, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)",
        [(run, *_values(decision)) for decision in decisions],
    )


def _undo(connection: sqlite3.Connection, condition: str, value: int) -> int:
    """Undo the decisions that fulfil the condition; return how many had an effect."""
    items = [
        row[0]
        for row in connection.execute(
            f"SELECT item FROM decisions WHERE {condition} AND undone IS NULL AND {_EFFECTIVE}", (value,)
        )
    ]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    connection.execute(f"UPDATE decisions SET undone = ? WHERE {condition} AND undone IS NULL", (now, value))
    apply_decisions_to(connection, items)
    return len(items)


def _pair(decision: Decision) -> tuple[str | None, ...]:
    return decision.step, decision.item, decision.sha256, decision.other_item, decision.other_sha256


def _values(decision: Decision) -> tuple[Any, ...]:
    *values, figures = asdict(decision).values()
    return (*values, json.dumps(figures))


def _decision(values: Sequence[Any]) -> Decision:
    record: dict[str, Any] = dict(zip(_COLUMNS.split(", "), values, strict=True))
    return Decision(**{**record, "figures": json.loads(record["figures"])})
