"""Ablation of ranking stages in this process, on groceries and a rendered shop."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from whatsit.catalogue.ingest.add import add_to_catalogue
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.evaluation.metrics.ablation import RankedResult, StageRow, stage_rows
from whatsit.index.database_augmentation import average_database
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions
from whatsit.ranking.matches import Floats
from whatsit.ranking.score import MATCH_SCORE
from whatsit.ranking.stages import STAGES
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import write_scenes, write_shop
from whatsit.search.retriever import Retriever
from whatsit.search.search_options import SearchOptions
from whatsit.studies.grocery_catalogues import Advanced, grocery_catalogue
from whatsit.vision.regions import USER_BOX

# Those that need nothing but vectors; `geometry` and `learned` are measured through the server.
AVERAGED = "none, catalogue vectors averaged"
CHOICES = ("none", *(stage for stage in STAGES if stage not in ("geometry", "learned")), "surprise,category_order")


@dataclass(frozen=True, eq=False)
class _Query:
    """Unit vector f32 [D], with the id, category and group of its item."""

    vector: Floats
    truth: str
    category: str
    group: str = ""

    def result(self, ids: Sequence[str], categories: Sequence[str], answer: str = "") -> RankedResult:
        return RankedResult(self.truth, self.category, self.group, tuple(ids), tuple(categories), answer)


class Ablation:
    """Builds the catalogues and measures on them.

    Args:
        work: where the catalogues are kept, so that a second run is quick.
        min_score: threshold of matches and answers.
        choices: values of `rerank`.
        advanced: called with the step, how much of it is done, and its total.
    """

    def __init__(
        self,
        work: Path,
        min_score: float = MATCH_SCORE,
        choices: Sequence[str] = CHOICES,
        advanced: Advanced = lambda what, done, total: None,
    ) -> None:
        self._work, self._min_score, self._choices, self._advanced = work, min_score, choices, advanced

    def grocery(self, store: GroceryStore, with_train: bool) -> list[StageRow]:
        """Search whole val photos among shop images, or also train photos."""
        store.check()
        photos, queries = store.photos(), []
        with Networks() as networks:
            for done, (path, item) in enumerate(photos, start=1):
                picture = decode_picture(path.read_bytes())
                vector = embed_regions(picture, picture.whole, networks.embedder)[0]
                queries.append(_Query(vector, item.name, item.coarse, item.group))
                self._advanced("embedding grocery val", done, len(photos))
        catalogue = grocery_catalogue(store, self._work, self._advanced, with_train, geometry=False)
        return self._measure(f"grocery val -> {'train + shop' if with_train else 'shop images'}", catalogue, queries)

    def shop(self, seed: int, products: int = 300, scenes: int = 100) -> list[StageRow]:
        """Search the true boxes of a drawn shop's scenes among its catalogue pictures."""
        folder = self._work / f"shop-{seed}"
        source = write_shop(folder, products, seed)
        shop = {product.id: product for product in make_products(products, seed)}
        truth = json.loads(write_scenes(folder / "scenes", list(shop.values()), scenes, seed).read_text())
        queries = []
        with Networks() as networks:
            for done, scene in enumerate(truth, start=1):
                picture = decode_picture((folder / "scenes" / scene["image"]).read_bytes())
                boxes = np.asarray(scene["boxes"], dtype=np.float32).reshape(-1, 4)
                regions = picture.whole.plus(boxes, np.ones(len(boxes), dtype=np.float32), [USER_BOX] * len(boxes))
                vectors = embed_regions(picture, regions, networks.embedder)[1:]
                ids = scene["product_ids"]
                queries += [_Query(v, i, shop[i].category) for v, i in zip(vectors, ids, strict=True)]
                self._advanced(f"embedding shop {seed}", done, len(truth))
        catalogue = source.parent / f"{source.stem}.catalogue"
        add_to_catalogue(
            catalogue,
            source,
            progress=lambda done, total, _: self._advanced(f"indexing {source.stem}", done, total),
            publish=True,
        )
        return self._measure(f"rendered shop {seed}: boxes -> pictures", catalogue, queries)

    def _measure(self, data: str, catalogue: Path, queries: Sequence[_Query]) -> list[StageRow]:
        with Networks() as networks:
            retriever = Retriever(catalogue, networks.fingerprint)
        rows: list[StageRow] = []
        for choice in self._choices:
            options = SearchOptions(rerank=choice, min_score=self._min_score)
            rows += stage_rows(data, choice, [_search(retriever, options, query) for query in queries])
        return rows + stage_rows(data, AVERAGED, _search_averaged(retriever, queries))


def _search(retriever: Retriever, options: SearchOptions, query: _Query) -> RankedResult:
    found = retriever(query.vector[None], np.ones(1, np.float32), options)
    matches = found.regions[0]
    ids = [str(found.records[number]["id"]) for number in matches.numbers.tolist()]
    return query.result(ids, matches.categories, found.answer.ids[0] if found.answer.found else "")


def _search_averaged(retriever: Retriever, queries: Sequence[_Query]) -> list[RankedResult]:
    """Search vectors after database augmentation, without stages."""
    vectors, numbers = retriever.catalogue_vectors()
    averaged, records = average_database(vectors), retriever.records(numbers)
    results = []
    for query in queries:
        nearest = dict.fromkeys(numbers[np.argsort(-averaged @ query.vector, kind="stable")].tolist())
        items = [records[number] for number in list(nearest)[:10]]
        results.append(query.result([str(item["id"]) for item in items], [item["category"] or "" for item in items]))
    return results
