"""Decision log: what cleanings and people decided and why; each can be undone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from typing import Any

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.cleaning.decision import Decision, Step
from whatsit.catalogue.store.added_tables import has_added_tables
from whatsit.catalogue.store.decision_effects import apply_decisions_to
from whatsit.catalogue.store.decision_outcomes import reverse_outcomes
from whatsit.catalogue.store.store import Store

COLUMNS = "step, verdict, item, sha256, other_item, other_sha256, reason, figures"
EFFECTIVE = "verdict NOT IN ('kept', 'reported')"
_BY_HAND = ("whatsit catalogue undo", "review undo")

# Two pictures, or items (of hash None), in any order.
Pair = frozenset[tuple[str | None, str | None]]


@dataclass(frozen=True)
class LoggedDecision:
    """A decision in the log.

    Args:
        number: of the decision.
        run: number of the cleaning.
        made: UTC, ISO 8601.
        command: that made it; `review` for a person's in the studio.
        settings: of that command.
        undone: when it was undone, None while it is in force.
        decision: what was decided.
        who: made it, "" where that is not known.
        why: what the person wrote.
        task: of the review, None for none.
    """

    number: int
    run: int
    made: str
    command: str
    settings: Mapping[str, Any]
    undone: str | None
    decision: Decision
    who: str = ""
    why: str = ""
    task: int | None = None

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

    def record(
        self, command: str, settings: Mapping[str, Any], decisions: Sequence[Decision], who: str = ""
    ) -> int | None:
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
            decisions = [one for one in decisions if one.verdict != "reported" or _subjects(one) not in known]
            if not decisions:
                return None
            run = open_run(connection, command, settings, who)
            for one in decisions:
                log_decision(connection, run, one)
            apply_decisions_to(connection, [one.item for one in decisions if one.verdict in ("dropped", "merged")])
        return run

    def read(
        self,
        limit: int = 50,
        run: int | None = None,
        *,
        offset: int = 0,
        item: str | None = None,
        step: str | None = None,
        who: str | None = None,
        standing: bool = False,
    ) -> list[LoggedDecision]:
        """Return decisions, the latest first.

        Args:
            limit: how many at most.
            run: only those of this cleaning.
            offset: how many of the latest are left out.
            item: only those about this item, as either of two.
            step: only those of this step or queue.
            who: only those of this person.
            standing: only those in force.
        """
        with self._store.snapshot() as connection:
            whole, condition, values = _selection(connection, run, item, step, who, standing)
            rows = connection.execute(
                f"SELECT decision, run, made, command, settings, undone, {whole} {condition} "
                "ORDER BY decision DESC LIMIT ? OFFSET ?",
                [*values, limit, offset],
            ).fetchall()
        return [
            LoggedDecision(number, run, made, command, json.loads(settings), undone, _decision(values[:8]), *values[8:])
            for number, run, made, command, settings, undone, *values in rows
        ]

    def total(self, *, run: int | None = None, item: str | None = None, step: str | None = None,
              who: str | None = None, standing: bool = False) -> int:  # fmt: skip
        """Return how many decisions `read` has in all."""
        with self._store.snapshot() as connection:
            _, condition, values = _selection(connection, run, item, step, who, standing)
            return int(connection.execute(f"SELECT count(*) {condition}", values).fetchone()[0])

    def count(self) -> dict[str, int]:
        """Return the number of decisions in force of each verdict."""
        return dict(self._rows("SELECT verdict, count(*) FROM decisions WHERE undone IS NULL GROUP BY verdict"))

    def undo_last(self, who: str = "") -> tuple[int, int]:
        """Undo the latest cleaning in force.

        Returns:
            Its number, and how many of its decisions had an effect.

        Raises:
            InvalidInput: there is none.
        """
        with self._store.transaction() as connection:
            (run,) = connection.execute(
                f"SELECT max(run) FROM decisions WHERE undone IS NULL AND {EFFECTIVE}"
            ).fetchone()
            if run is None:
                raise InvalidInput("There is no cleaning to undo; 'whatsit catalogue decisions' shows what was done.")
            undone = undo_where(connection, "run = ?", run, who)
        return run, undone

    def undo(self, number: int, who: str = "", command: str = _BY_HAND[0]) -> Decision:
        """Undo one decision; later cleanings will not make it again.

        Raises:
            InvalidInput: there is none of this number in force that has an effect.
        """
        with self._store.transaction() as connection:
            return undo_one(connection, number, who, command)

    def by_hand(self) -> set[tuple[Step, str, str | None]]:
        """Return the subjects of decisions that a person undid, or found unneeded.

        See `Decision.subject`.
        """
        rows = self._rows(
            "SELECT step, item, sha256 FROM decisions JOIN cleanings USING (run) "
            "WHERE (command IN (?,?) OR verdict = 'right') AND undone IS NULL",
            _BY_HAND,
        )
        return {(step, item, sha256) for step, item, sha256 in rows}

    def denied(self, step: Step) -> set[Pair]:
        """Return the pairs of pictures or items that a person said are different."""
        rows = self._rows(
            "SELECT item, sha256, other_item, other_sha256 FROM decisions "
            "WHERE step = ? AND verdict = 'different' AND undone IS NULL",
            [step],
        )
        return {frozenset([(row[0], row[1]), (row[2], row[3])]) for row in rows}

    def _rows(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        with self._store.snapshot() as connection:
            return connection.execute(statement, parameters).fetchall()


def open_run(connection: sqlite3.Connection, command: str, settings: Mapping[str, Any], who: str = "") -> int:
    """Open a run of decisions, in the transaction that logs them."""
    run = connection.execute(
        "INSERT INTO cleanings (made, command, settings) VALUES (?,?,?)", (_now(), command, json.dumps(dict(settings)))
    ).lastrowid
    assert run is not None  # of the row that was just inserted
    if who:
        connection.execute("INSERT INTO cleaning_people (run, who) VALUES (?,?)", (run, who))
    return run


def log_decision(
    connection: sqlite3.Connection,
    run: int,
    decision: Decision,
    why: str = "",
    task: int | None = None,
    outcome: Mapping[str, Any] | None = None,
) -> int:
    """Log one decision, not applied yet; return its number."""
    *values, figures = asdict(decision).values()
    number = connection.execute(
        f"INSERT INTO decisions (run, {COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)", (run, *values, json.dumps(figures))
    ).lastrowid
    assert number is not None  # of the row that was just inserted
    if why or task is not None or outcome:
        connection.execute(
            "INSERT INTO decision_notes (decision, why, task, outcome) VALUES (?,?,?,?)",
            (number, why, task, json.dumps(dict(outcome or {}))),
        )
    return number


def undo_one(connection: sqlite3.Connection, number: int, who: str, command: str) -> Decision:
    """Undo one decision inside a transaction; see `DecisionLog.undo`."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM decisions WHERE decision = ? AND undone IS NULL AND {EFFECTIVE}", (number,)
    ).fetchone()
    if row is None:
        raise InvalidInput(
            f"There is no dropped picture or merged item under the number {number}; "
            "'whatsit catalogue decisions' shows the numbers."
        )
    taken = _decision(row)
    undo_where(connection, "decision = ?", number, who)
    if taken.verdict in ("dropped", "merged"):
        run = open_run(connection, command, {"decision": number}, who)
        log_decision(connection, run, replace(taken, verdict="kept", reason=f"Decision {number} was undone by hand.",
                                              figures={}))  # fmt: skip
    return taken


def undo_where(connection: sqlite3.Connection, condition: str, value: int, who: str = "") -> int:
    """Undo the decisions that fulfil the condition; return how many had an effect."""
    rows = connection.execute(
        f"SELECT decision, item FROM decisions WHERE {condition} AND undone IS NULL AND {EFFECTIVE}", (value,)
    ).fetchall()
    connection.execute(f"UPDATE decisions SET undone = ? WHERE {condition} AND undone IS NULL", (_now(), value))
    numbers = [number for number, _ in rows]
    if who:
        connection.executemany(
            "INSERT OR REPLACE INTO decision_undos (decision, who) VALUES (?,?)", [(one, who) for one in numbers]
        )
    reverse_outcomes(connection, numbers)
    apply_decisions_to(connection, [item for _, item in rows])
    return len(rows)


def _selection(
    connection: sqlite3.Connection,
    run: int | None,
    item: str | None,
    step: str | None,
    who: str | None,
    standing: bool,
) -> tuple[str, str, list[Any]]:
    """Return columns, the rest of the statement and its values."""
    noted = has_added_tables(connection)
    columns = f"{COLUMNS}, coalesce(who, ''), coalesce(why, ''), task" if noted else f"{COLUMNS}, '', '', NULL"
    tables = "FROM decisions JOIN cleanings USING (run)"
    if noted:
        tables += " LEFT JOIN cleaning_people USING (run) LEFT JOIN decision_notes USING (decision)"
    conditions, values = ["1"], []
    for text, value in (("run = ?", run), ("(item = ?1 OR other_item = ?1)", item), ("step = ?", step)):
        if value is not None:
            conditions.append(text.replace("?1", "?"))
            values += [value] * text.count("?")
    if who is not None:
        conditions.append("coalesce(who, '') = ?" if noted else "'' = ?")
        values.append(who)
    if standing:
        conditions.append("undone IS NULL")
    return columns, f"{tables} WHERE {' AND '.join(conditions)}", values


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _subjects(decision: Decision) -> tuple[str | None, ...]:
    return decision.step, decision.item, decision.sha256, decision.other_item, decision.other_sha256


def _decision(values: Sequence[Any]) -> Decision:
    record: dict[str, Any] = dict(zip(COLUMNS.split(", "), values, strict=True))
    return Decision(**{**record, "figures": json.loads(record["figures"])})
