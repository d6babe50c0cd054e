"""State of a catalogue's roll-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from whatsit.catalogue.backends import open_embedded
from whatsit.catalogue.serving_pair import EMBEDDERS, SHADOW_LOG, read_pair, serving_network
from whatsit.engines.fingerprint import embedder_fingerprint
from whatsit.loop.shadow_report import ShadowReport
from whatsit.server.pair_follower import serving_servers

NO_MILVUS = "where a roll-out cannot keep two indexes: it is for catalogues in a folder"

Phase = Literal["none", "embedding", "ready", "switched"]


@dataclass(frozen=True)
class RolloutState:
    """Where a roll-out stands.

    Args:
        phase: "none", "embedding" (start it again to go on), "ready" (to be switched), or "switched" (to be finished,
            or to go back from).
        serving: fingerprint of the embedder that answers.
        beside: of the other one, "" for none.
        pictures: of the catalogue.
        embedded: of these, with vectors of both embedders.
        servers: server -> whether it has loaded both.
        shadow: what both answered; None where nothing was compared.
    """

    phase: Phase
    serving: str
    beside: str = ""
    pictures: int = 0
    embedded: int = 0
    servers: Mapping[str, bool] = field(default_factory=dict)
    shadow: ShadowReport | None = None

    def to_record(self) -> dict[str, Any]:
        """Return it as JSON."""
        shadow = None if self.shadow is None else self.shadow.to_record()
        return {**self.__dict__, "servers": dict(self.servers), "shadow": shadow}


def rollout_state(folder: Path, model_repository: Path) -> RolloutState:
    """Return where the roll-out of a catalogue stands.

    Raises:
        WhatsitError: the catalogue cannot be read.
    """
    pair = read_pair(folder)
    with open_embedded(folder, NO_MILVUS, read_only=True) as store:
        if pair is None or not pair.beside:
            serving = embedder_fingerprint(serving_network(folder, model_repository))
            pictures = store.embedders.pictures(serving)
            return RolloutState("none", serving, "", pictures, pictures)
        pictures = store.embedders.pictures(pair.serving)
        embedded = pictures - store.embedders.lacking(pair.beside, pair.serving)
    phase: Phase = "switched" if pair.switched else "ready" if pair.ready else "embedding"
    new = pair.serving if pair.switched else pair.beside
    servers = {name: set(pair.kept) <= set(loaded) for name, loaded in serving_servers(folder).items()}
    shadow = ShadowReport.read(folder / EMBEDDERS / new / SHADOW_LOG)
    return RolloutState(phase, pair.serving, pair.beside, pictures, embedded, servers, shadow)
