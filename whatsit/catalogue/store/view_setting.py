"""The choice of a store whether pictures are embedded by several views."""

from __future__ import annotations

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.store.database import Database
from whatsit.catalogue.store.switch import Switch

_SETTING = "views"


class ViewSetting:
    """Chosen while the store is empty, for vectors of both kinds do not go together.

    Args:
        database: of the store.
    """

    def __init__(self, database: Database) -> None:
        self._database, self._switch = database, Switch(database, _SETTING)

    @property
    def kept(self) -> bool:
        """Return whether the vectors are means of several views."""
        return self._switch.is_on()

    def keep(self, wanted: bool) -> None:
        """Embed pictures by several views from now on, or by one.

        Raises:
            InvalidInput: pictures are embedded in the other way.
        """
        if wanted == self.kept:
            return
        with self._database.transaction() as connection:
            (filled,) = connection.execute(
                "SELECT EXISTS (SELECT 1 FROM vectors) OR EXISTS (SELECT 1 FROM deleted_items)"
            ).fetchone()
            if filled:
                now, option = ("one view", "--views") if wanted else ("several views", "--no-views")
                raise InvalidInput(
                    f"The pictures of this catalogue are embedded by {now} each: add their files to a new folder with "
                    f"'whatsit catalogue add NEW SOURCE {option}'."
                )
            self._switch.set(connection, wanted)
