"""Step `retrieval`: from embeddings to matches, records and an answer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whatsit_client.errors import InvalidInput, Unavailable

from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.ranking.answer_model import FOUND, AnswerModel
from whatsit.ranking.score import MATCH_SCORE
from whatsit.ranking.stages import DEFAULT_STAGES
from whatsit.search.clues import Clues, no_clues
from whatsit.search.lookup import RegionFeatures
from whatsit.search.retriever import Retrieved, Retriever
from whatsit.serving.code_reading import unpack_codes
from whatsit.serving.environment import links_pictures, served_catalogues
from whatsit.serving.metrics import definitions as metrics
from whatsit.serving.metrics.index_gauges import IndexGauges
from whatsit.serving.metrics.instruments import Gauge
from whatsit.serving.open_catalogues import OpenCatalogues
from whatsit.serving.picture_links import link_of
from whatsit.serving.request_options import Options
from whatsit.serving.step_tensors import NO_PRINT, item_tensors, text_tensor, unpack_local_rows, unpack_patches
from whatsit.serving.triton_step import Outputs, Tensors


class Retrieve:
    """EMBEDDINGS, AREAS, SCORES, LOCAL, GATED, clues -> ITEM_*, ANSWER, FINGERPRINTS.

    The clues are CODES, REGION_BOXES and PRINT; a gated picture is searched by its codes alone.

    Model parameters: `embedder` and `answer` (their files, relative to the model folder), `min_score`, `found`
    (probability that an answer needs), `stages`, `gpu` ("auto": FAISS on a GPU where there is one), and `shards` (how
    many of the index's shards a query goes to: a number, "all", or "auto" for what the index says).
    The option `catalogue` picks one of several catalogues (see `served_catalogues`).
    """

    def __init__(self, parameters: Mapping[str, str]) -> None:
        fingerprint = embedder_fingerprint(Path(parameters["model_directory"], parameters["embedder"]))
        model = AnswerModel.read(
            Path(parameters["model_directory"], parameters.get("answer", "../retrieval/answer.json"))
        )
        nprobe = parse_nprobe(parameters.get("shards", "auto"))

        def open_catalogue(folder: Path) -> Retriever:
            return Retriever(
                folder,
                fingerprint,
                # min_rank is the deprecated name.
                float(parameters.get("min_score", parameters.get("min_rank", MATCH_SCORE))),
                model,
                float(parameters.get("found", FOUND)),
                stages=parameters.get("stages", DEFAULT_STAGES),
                gpu=parameters.get("gpu") == "auto",
                nprobe=nprobe,
                timed=metrics.STAGE_SECONDS.timed,
            )

        self._catalogues = OpenCatalogues(served_catalogues(), open_catalogue)
        self._links = links_pictures()
        metrics.watch(_DefaultGauges(self._catalogues))

    def __call__(self, inputs: Tensors, options: Options, wanted: frozenset[str]) -> Outputs:
        """Answer one request."""
        retriever = self._catalogues(options.catalogue)
        embeddings, gated = inputs["EMBEDDINGS"], bool(inputs["GATED"][0])
        clues = _clues(inputs, len(embeddings), gated)
        retrieved = Retrieved.nothing(len(embeddings))
        if not gated or clues.codes:
            local = unpack_local_rows(inputs["LOCAL"], len(embeddings))
            scores = inputs["SCORES"].tolist()
            patches = unpack_patches(inputs["LOCAL"], len(embeddings))
            known = zip(local, scores, patches, strict=True)
            features = [RegionFeatures(one, score=score, patch=patch) for one, score, patch in known]
            found = retriever(embeddings, inputs["AREAS"], options, features, clues=clues)
            retrieved = found if not gated or any(map(len, found.regions)) else retrieved
        metrics.retrieved(retrieved.regions, retrieved.answer, gated)
        outputs = item_tensors(retrieved, options.top_k, link_of(options.catalogue) if self._links else None)
        if "FINGERPRINTS" in wanted:
            prints = retrieved.fingerprints if retrieved.fingerprints[0] else retriever.fingerprints
            outputs["FINGERPRINTS"] = text_tensor(prints)
        return outputs


def _clues(inputs: Tensors, regions: int, gated: bool) -> Clues:
    """Return what the optional inputs say of a picture."""
    if "REGION_BOXES" not in inputs:
        return no_clues(regions)
    codes = unpack_codes(inputs["CODES"]) if "CODES" in inputs else ()
    pixels = inputs.get("PRINT", NO_PRINT)
    return Clues(inputs["REGION_BOXES"], codes, pixels if pixels.size > NO_PRINT.size else None, only_codes=gated)


class _DefaultGauges:
    """Gauges of the catalogue that is the default one now."""

    def __init__(self, catalogues: OpenCatalogues[Retriever]) -> None:
        self._catalogues = catalogues
        self._of: Retriever | None = None

    def __call__(self) -> Mapping[Gauge, float]:
        try:
            retriever = self._catalogues()
        except Unavailable:  # said where it was opened
            self._of = None
            return {}
        if retriever is not self._of:
            self._of, self._gauges = retriever, IndexGauges(retriever.index, retriever.store)
        return self._gauges()


def parse_nprobe(text: str) -> int | None:
    """Return the parameter `shards`: a number from 1, 0 for "all", None for "auto".

    Raises:
        InvalidInput: it is none of these.
    """
    if text in ("auto", "all"):
        return None if text == "auto" else 0
    if not text.isdecimal() or int(text) < 1:
        raise InvalidInput(
            f"The parameter shards of the model retrieval is a number from 1, all or auto, not '{text}'."
        )
    return int(text)
