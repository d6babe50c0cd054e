"""A thread that changes a catalogue all the time."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

from tests.catalogue.backup.made_items import kept_picture, put
from whatsit.catalogue.layout import Layout
from whatsit.catalogue.publish import publish
from whatsit.catalogue.store.picture_files import forget_pictures
from whatsit.catalogue.store.store import Store


class ChangingCatalogue(threading.Thread):
    """Puts and deletes items with pictures, publishes, and remembers every item after each change."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.ended = folder, threading.Event()
        self.titles: dict[str, str | None] = {}
        self.states: dict[int, dict[str, str | None]] = {}

    def wait(self, changes: int = 5) -> None:
        """Return after so many more changes."""
        enough = len(self.states) + changes
        while len(self.states) < enough:
            assert self.is_alive()
            time.sleep(0.005)

    def run(self) -> None:
        dice = random.Random(5)
        with Store(Layout(self.folder).store) as store:
            self.titles = {record["id"]: record["title"] for record in store.page(limit=1000)}
            self.states[store.changes.position()] = dict(self.titles)
            for number in range(100_000):
                if self.ended.wait(0.002):
                    return
                id = f"live{dice.randrange(40)}"
                before = store.pictures(id, "e")
                if before and dice.random() < 0.4:
                    store.delete([id], forever=True)
                    del self.titles[id]
                else:
                    put(store, id, kept_picture(self.folder, f"live {number}"), title=f"{number}")
                    self.titles[id] = f"{number}"
                forget_pictures(Layout(self.folder).pictures, before)
                self.states[store.changes.position()] = dict(self.titles)
                if number % 40 == 39:
                    publish(store, Layout(self.folder).index)
