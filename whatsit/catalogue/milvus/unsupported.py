"""Parts of a catalogue that Milvus does not keep."""

from __future__ import annotations

from collections.abc import Iterable

from whatsit_client.errors import InvalidInput

from whatsit.catalogue.filter.where_filter import Filter
from whatsit.catalogue.protocols import CatalogueStore
from whatsit.catalogue.store.click_log import Clicks
from whatsit.catalogue.store.facets import Facet
from whatsit.catalogue.store.field_summary import FieldSummary
from whatsit.catalogue.store.object_table import PlacedVectors
from whatsit.catalogue.store.picture_metadata import MetadataTable
from whatsit.catalogue.store.text_index import ItemText
from whatsit.index.index_kind import Numbers


class Unsupported:
    """The members of `CatalogueStore` that only an embedded catalogue has."""

    keeps_metadata = False
    keeps_deleted = False
    keeps_local = False
    keeps_objects = False
    keeps_views = False
    changes = None
    codes = None

    @property
    def text(self) -> ItemText:
        """Refuse the search by words."""
        raise InvalidInput("This server's catalogue is in Milvus, which Whatsit does not search by words: omit text.")

    @property
    def clicks(self) -> Clicks:
        """Refuse the click log."""
        raise InvalidInput("This server's catalogue is in Milvus; feedback is kept by embedded catalogues alone.")

    @property
    def facts(self) -> MetadataTable:
        """Refuse the table of metadata."""
        raise InvalidInput("This catalogue is in Milvus; embedded catalogues alone look up metadata of pictures.")

    def facets(self, numbers: Numbers | None = None, limit: int = 20) -> list[Facet]:
        """Refuse facets."""
        raise InvalidInput("This server's catalogue is in Milvus; facets are counted in embedded catalogues alone.")

    def field_summaries(self) -> list[FieldSummary]:
        """Refuse the list of fields."""
        raise InvalidInput("This catalogue is in Milvus; the fields of embedded catalogues alone are listed.")

    def check_where(self, where: Filter | None, found: int) -> None:
        """Do nothing: which fields there are would need a scan of all items."""

    def placed_vectors(self: CatalogueStore, numbers: Iterable[int], fingerprint: str) -> PlacedVectors:
        """Return the vectors of these items, with picture and box of each."""
        records = self.records(numbers).items()
        return PlacedVectors.of_pictures(
            (number, record["id"], self.pictures(record["id"], fingerprint)) for number, record in records
        )

    def merged_into(self, id: str) -> list[str]:
        """Return nothing: only cleaning merges items."""
        return []
