"""Ablation of ranking stages in this process, on groceries and a rendered shop."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from whatsit.catalogue.ingest.add import index_source
from whatsit.evaluation.datasets.grocery import GroceryStore
from whatsit.evaluation.metrics.ablation import Query, RankedResult, Row, ablate
from whatsit.index.database_augmentation import average_database
from whatsit.pipeline.decoded_picture import decode_picture
from whatsit.pipeline.networks import Networks
from whatsit.pipeline.picture_description import embed_regions
from whatsit.ranking.stages import STAGES
from whatsit.rendering.product import make_products
from whatsit.rendering.shop import write_scenes, write_shop
from whatsit.search.retriever import Retriever
from whatsit.search.search_options import SearchOptions
from whatsit.vision.regions import USER_BOX

# Those that need nothing but vectors; `geometry` and `learned` are measured through the server.
AVERAGED = "none, catalogue vectors averaged"
CHOICES = ("none", *(stage for stage in STAGES if stage not in ("geometry", "learned")), "surprise,category_order")

Advanced = Callable[[str, int, int], None]


class Ablation:
    """Builds the catalogues and measures on them.

    Args:
        work: where the catalogues are kept, so that a second run is quick.
        min_score: threshold of matches and answers.
        choices: values of `rerank`.
        advanced: called with what is being done, how much of it is, and how much there is to do.
    """

    def __init__(
        self,
        work: Path,
        min_score: float = 0.9,
        choices: Sequence[str] = CHOICES,
        advanced: Advanced = lambda what, done, total: None,
    ) -> None:
        self._work, self._min_score, self._choices, self._advanced = work, min_score, choices, advanced

    def grocery(self, store: GroceryStore, with_train: bool) -> list[Row]:
        """Search whole val photos among 81 items with shop images or also train photos.

        Packages are reported apart.
        """
        store.check()
        name = "train + shop" if with_train else "shop images"
        pictures = {item.label: [item.image] for item in store.gallery()}
        if with_train:
            for path, label in zip(store.queries("train"), store.truth("train"), strict=True):
                pictures[label].append(path)
        source = self._work / f"grocery-{name.replace(' ', '')}.jsonl"
        source.parent.mkdir(parents=True, exist_ok=True)
        with source.open("w", encoding="utf-8") as file:
            for item in store.gallery():
                images = [str(path.resolve()) for path in pictures[item.label]]
                row = {"id": item.name, "title": item.name, "category": item.coarse, "images": images}
                file.write(json.dumps(row) + "\n")
        photos = list(zip(store.queries(), store.truth(), strict=True))
        queries, packages = [], []
        with Networks() as networks:
            for done, (path, label) in enumerate(photos, start=1):
                picture = decode_picture(path.read_bytes())
                vector = embed_regions(picture, picture.whole, networks.embedder)[0]
                item = store.classes[label]
                queries.append(Query(vector, item.name, item.coarse))
                packages += [queries[-1]] if item.department == "Packages" else []
                self._advanced("embedding grocery val", done, len(photos))
        title = f"grocery val -> {name}"
        catalogue = self._index(source)
        return [*self._measure(title, catalogue, queries), *self._measure(f"{title}, packages", catalogue, packages)]

    def shop(self, seed: int, products: int = 300, scenes: int = 100) -> list[Row]:
        """The true boxes of a drawn shop's scenes to its catalogue pictures."""
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
                queries += [Query(v, i, shop[i].category) for v, i in zip(vectors, ids, strict=True)]
                self._advanced(f"embedding shop {seed}", done, len(truth))
        return list(self._measure(f"rendered shop {seed}: boxes -> pictures", self._index(source), queries))

    def _index(self, source: Path) -> Path:
        """A published catalogue of a source."""
        catalogue = source.parent / f"{source.stem}.catalogue"
        index_source(
            catalogue, source, progress=lambda done, total, _: self._advanced(f"indexing {source.stem}", done, total)
        )
        return catalogue

    def _measure(self, data: str, catalogue: Path, queries: Sequence[Query]) -> tuple[Row, ...]:
        with Networks() as networks:
            retriever = Retriever(catalogue, networks.fingerprint)

        def find(look: Query, stages: str) -> RankedResult:
            found = retriever(
                look.vector[None], np.ones(1, np.float32), SearchOptions(rerank=stages, min_score=self._min_score)
            )
            matches = found.regions[0]
            ids = tuple(str(found.records[number]["id"]) for number in matches.numbers.tolist())
            return RankedResult(ids, matches.categories, found.answer.ids[0] if found.answer.found else "")

        return (*ablate(data, queries, self._choices, find), *self._averaged(data, retriever, queries))

    def _averaged(self, data: str, retriever: Retriever, queries: Sequence[Query]) -> tuple[Row, ...]:
        """Measure database augmentation: averaged catalogue vectors and no stage."""
        vectors, numbers = retriever.catalogue_vectors()
        averaged = average_database(vectors)
        records = retriever.records(numbers)

        def find(look: Query, _: str) -> RankedResult:
            nearest = dict.fromkeys(numbers[np.argsort(-averaged @ look.vector, kind="stable")].tolist())
            items = [records[number] for number in list(nearest)[:10]]
            return RankedResult(
                tuple(str(item["id"]) for item in items), tuple(item["category"] or "" for item in items), ""
            )

        return ablate(data, queries, (AVERAGED,), find)
