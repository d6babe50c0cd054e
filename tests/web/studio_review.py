"""The review queues of the studio's server in memory."""

from __future__ import annotations

import re
import uuid

from tests.web.studio_tasks import VERDICTS, Record, make_tasks

NOW = "2026-11-28T17:00:00+00:00"


class Review:
    """Queues, leases and decisions.

    Attributes:
        tasks: queue -> number -> open task.
        decisions: the log, the oldest first.
    """

    def __init__(self, items: list[Record]) -> None:
        self.tasks = make_tasks(items)
        self.leases: dict[str, list[int]] = {}
        self.decisions: list[Record] = []

    def call(self, method: str, path: str, query: Record, body: Record) -> Record:
        """Return the reply of a call below /v1/review."""
        who = query.get("reviewer", "local")
        if path == "":
            return {"queues": self.queues(), "sample": 0.1}
        if path == "/agreement":
            return {"queues": []}
        if path == "/decisions":
            return {"decisions": self.decisions[::-1], "total": len(self.decisions), "next": None}
        if path == "/undo":
            return self._undo(body)
        if found := re.fullmatch(r"/leases/(\w+)/(renew|return)", path):
            held = self.leases.get(found[1], [])
            if found[2] == "return":
                self.leases.pop(found[1], None)
            return {"lease": found[1], "expires": NOW, "seconds": 300, "tasks": held, "returned": len(held)}
        queue, _, verb = path.strip("/").partition("/")
        tasks = self.tasks[queue]
        if verb == "lease":
            return self._lease(queue, int(query.get("count", 10)), query["lease"])
        if verb == "decide":
            results = [self._decide(queue, body["lease"], one, who) for one in body["decisions"]]
            return {"results": results, "open": len(tasks)}
        if verb == "scores":
            bins = [{"from": at / 20, "to": (at + 1) / 20, "open": 0, "decided": 0} for at in range(20)]
            for one in tasks.values():
                bins[min(19, int(20 * one["score"]))]["open"] += 1
            return {"bins": bins}
        low, high = (
            float((query or body).get(f"{side}_score") or body.get(f"{side}_score", 0)) for side in ("min", "max")
        )
        fitting = [one for one in tasks.values() if low <= one["score"] <= high]
        if method == "GET":
            return {"count": len(fitting), "tasks": fitting[: int(query["limit"])]}
        left = set(body.get("except", []))
        done = [one["task"] for one in fitting if one["task"] not in left]
        for number in done:
            self._decide(queue, "", {"task": number, "verdict": body["verdict"]}, who, run=12)
        return {"decided": len(done), "run": 12, "left": len(left)}

    def queues(self) -> list[Record]:
        """Return the state of each queue."""
        return [self._queue(name) for name in VERDICTS]

    def _queue(self, name: str) -> Record:
        held = sum(map(len, self.leases.values()))
        decided = sum(one["queue"] == name and not one["undone"] for one in self.decisions)
        numbers = {"open": len(self.tasks[name]), "leased": min(held, len(self.tasks[name])), "decided": decided}
        return {
            "queue": name,
            **numbers,
            "sample": 0,
            "disputed": 0,
            "verdicts": VERDICTS[name],
            "filled": NOW,
            "job": None,
        }

    def _lease(self, queue: str, count: int, lease: str) -> Record:
        held = {number for lease in self.leases.values() for number in lease}
        free = [one for number, one in self.tasks[queue].items() if number not in held][:count]
        self.leases[lease] = [one["task"] for one in free]
        return {"lease": lease, "expires": NOW, "seconds": 300, "open": len(self.tasks[queue]), "tasks": free}

    def _decide(self, queue: str, lease: str, one: Record, who: str, run: int | None = None) -> Record:
        number = one["task"]
        if number not in self.tasks[queue]:
            again = [line for line in self.decisions if line["task"] == number and line["who"] == who]
            outcome = "repeated" if again else "lost"
            return {"task": number, "outcome": outcome, "decision": again[0]["number"] if again else None}
        if one["verdict"] == "skip":
            return {"task": number, "outcome": "skipped", "decision": None, "undo": False, "detail": ""}
        task = self.tasks[queue].pop(number)
        self.leases[lease] = [held for held in self.leases.get(lease, []) if held != number]
        item = (task.get("first") or {}).get("item", {}) if isinstance(task.get("first"), dict) else {}
        line = {
            "number": len(self.decisions) + 341,
            "run": run,
            "made": NOW,
            "who": who,
            "command": "review",
            "queue": queue,
        }
        line |= {"verdict": {"duplicate": "dropped", "merge": "merged"}.get(one["verdict"], "kept"), "undone": None}
        line |= {
            "item": item.get("id", "P00001"),
            "sha256": None,
            "other_item": None,
            "other_sha256": None,
            "task": number,
        }
        line |= {
            "reason": str(task.get("reason")),
            "why": one.get("why", ""),
            "undoable": True,
            "record": task,
            "given": one,
        }
        self.decisions.append(line)
        return {"task": number, "outcome": "decided", "decision": line["number"], "undo": True, "detail": ""}

    def _undo(self, body: Record) -> Record:
        chosen = [
            one
            for one in self.decisions
            if body.get("decision") == one["number"] or (body.get("run") or 0) == one["run"]
        ]
        chosen = [one for one in chosen if not one["undone"]]
        if not chosen:
            raise LookupError
        for one in chosen:
            one["undone"] = NOW
            self.tasks[one["queue"]] = {one["task"]: one["record"], **self.tasks[one["queue"]]}
        last, lease = chosen[-1], uuid.uuid4().hex
        if body.get("run"):
            return {"run": body["run"], "undone": len(chosen)}
        self.leases[lease] = [last["task"]]
        reply = {
            "decision": last["number"],
            "queue": last["queue"],
            "task": last["task"],
            "lease": lease,
            "expires": NOW,
        }
        return {**reply, "task_record": last["record"]}
