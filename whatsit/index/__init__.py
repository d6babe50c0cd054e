"""Vectors on disk: immutable generations of FAISS shards, shared by processes."""

from whatsit.index.current_generation import current
from whatsit.index.delta_index import DeltaIndex
from whatsit.index.generation import Generation, open_generation
from whatsit.index.generation_writer import write_generation

__all__ = ["DeltaIndex", "Generation", "current", "open_generation", "write_generation"]
