"""Bodies of the REST API."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from whatsit_client.types import REASONS

Box = Annotated[list[float], Field(min_length=4, max_length=4, description="x1, y1, x2, y2 in pixels, upright.")]
Probability = Annotated[float, Field(ge=-0.001, le=1.001)]
Score = Annotated[float, Field(ge=-0.001, le=2.001, description="2 - L2 distance of unit vectors.")]


class ItemModel(BaseModel):
    """An item of the catalogue."""

    id: str
    title: str | None = None
    brand: str | None = None
    category: str | None = None
    image: str | None = Field(None, description="URL of the main picture, relative to this server.")
    price: float | None = None
    url: str | None = None
    attributes: dict[str, Any] = {}


class ItemFieldsModel(BaseModel):
    """Fields of an item to write."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(None, max_length=10_000)
    brand: str | None = Field(None, max_length=10_000)
    category: str | None = Field(None, max_length=10_000)
    price: float | None = Field(None, allow_inf_nan=False)
    url: str | None = Field(None, max_length=10_000)
    attributes: dict[str, Any] | None = None


class StoredItem(ItemModel):
    """An item with what the catalogue keeps about it."""

    added: str | None = None
    updated: str | None = None
    merged_into: str | None = None
    images: list[str] = Field(description="URLs of its pictures, the main one first.")


class ListedItem(ItemModel):
    """An item of a list; the last two with details=true alone."""

    updated: str | None = None
    pictures: int | None = None


class ItemPage(BaseModel):
    """A page of items."""

    items: list[ListedItem]
    total: int
    next: str | None = Field(None, description="URL of the next page; null on the last.")


class Written(BaseModel):
    """The result of a change."""

    id: str
    outcome: Literal["added", "updated"]


class MatchModel(BaseModel):
    """An item that resembles a region."""

    item: ItemModel
    score: Score
    rank: Score = Field(description="Deprecated name of score.")
    inliers: int | None = None
    confidence: Probability | None = None
    code: str | None = Field(None, description="The item's own code that was read off the picture.")
    words: list[str] | None = Field(None, description="Words read off the picture that stand in the item's text.")
    picture: int | None = Field(None, description="Position of the item's picture that matched.")
    box: Box | None = Field(None, description="Where in that picture the thing is; absent for all of it.")


class RegionModel(BaseModel):
    """A part of the picture; region 0 is all of it."""

    box: Box
    score: Probability
    label: str
    matches: list[MatchModel]


State = Literal["found", "unsure", "not_found", "not_searched"]


class RegionAnswerModel(BaseModel):
    """What one region shows."""

    state: State
    probability: Probability = Field(0.0, description="That the region's first match is the item that it shows.")
    reason: str = Field("", description=f"A key: {'; '.join(f'{key}: {words}' for key, words in REASONS.items())}.")


class AnswerModel(BaseModel):
    """The answer: the item, the items that it may be, or not in the catalogue."""

    found: bool = Field(description="Whether state is found.")
    state: State
    probability: Probability = Field(0.0, description="That the first match of the answered region is right.")
    reason: str = Field("", description="A key, as for regions.")
    closest: list[str] = Field([], description="Ids of the nearest one to three items, whatever the state.")
    calibrated: bool = Field(False, description="Whether the catalogue was calibrated for these networks.")
    regions: list[RegionAnswerModel] = Field([], description="The same for each region.")
    title: str = ""
    brand: str = ""
    category: str = ""
    image: str = ""
    confidence: Probability = 0.0
    ids: list[str] = []
    region: int | None = None


class IdentificationModel(BaseModel):
    """What is in a picture, and where it stands in the catalogue."""

    answer: AnswerModel
    intent: str
    intent_scores: dict[str, Probability]
    source_scores: dict[str, Probability]
    topic_scores: dict[str, Probability]
    tag_scores: dict[str, Probability]
    regions: list[RegionModel]


class DetectionModel(BaseModel):
    """The regions of a picture, without matches."""

    regions: list[RegionModel]


class EmbeddingModel(DetectionModel):
    """The regions of a picture with their vectors, each of length 1."""

    vectors: list[list[float]]
    intent: str
    intent_scores: dict[str, Probability]


class SimilarModel(BaseModel):
    """Items like one, best first."""

    matches: list[MatchModel]
    next: str | None = Field(None, description="URL of the next page; null where nothing follows.")


class SceneModel(BaseModel):
    """A place in another item's picture that is like the item."""

    item: ItemModel
    image: str = Field(description="URL of the picture.")
    picture: int = Field(description="Position of the picture among those of its item, 0 for the main one.")
    box: Box
    size: list[float] = Field(description="Width and height of the upright picture in pixels.")
    score: Score


class ScenesModel(BaseModel):
    """Catalogue pictures in which an item appears, best first."""

    scenes: list[SceneModel]
    objects: bool = Field(description="Whether the catalogue indexes the objects in its pictures; else there are none.")
    next: str | None = Field(None, description="URL of the next page; null where nothing follows.")


class FacetValue(BaseModel):
    """A value of a field."""

    value: str | float | bool
    items: int


class FacetModel(BaseModel):
    """A field of the items with its most frequent values."""

    name: str = Field(description="As in a filter: category, brand, price, or an attribute's name.")
    items: int = Field(description="Items that have the field.")
    values: list[FacetValue]
    low: float | None = Field(None, description="Smallest number; null for texts.")
    high: float | None = None


class FacetList(BaseModel):
    """The fields by which items can be filtered."""

    facets: list[FacetModel]
    total: int = Field(description="Number of the items counted.")


class FeedbackReply(BaseModel):
    """Feedback that was recorded."""

    clicks: int = Field(description="How many choices of items the catalogue keeps now.")
    feedback: str = Field(description="Token; DELETE /v1/feedback/TOKEN takes the feedback back.")


class Session(BaseModel):
    """What the caller may do here."""

    role: Literal["search", "edit", "admin"]
    key: str = Field(description='Name of the key, "" without one.')
    collect: Literal["off", "clicks", "crops"] = Field(description="What may be sent of visitors who agree.")
    catalogue: str
    catalogues: list[str]
    items: int
    body_bytes: int = Field(description="Largest request.")


class StatsModel(BaseModel):
    """The state of a catalogue."""

    items: int
    items_indexed: int
    vectors_indexed: int
    published: str | None
    pending: int
    read_only: bool
    notes: list[str]


class CatalogueName(BaseModel):
    """A catalogue that the caller's key opens."""

    name: str
    default: bool


class CatalogueList(BaseModel):
    """The catalogues that the caller's key opens."""

    catalogues: list[CatalogueName]


class Health(BaseModel):
    """Whether the server answers."""

    live: bool
    state: Literal["starting", "ready", "degraded", "stopped"]
    reason: str = ""
