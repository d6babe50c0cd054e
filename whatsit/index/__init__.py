"""Vectors on disk: immutable generations of FAISS shards that many processes read at once."""

from whatsit.index.current import current
from whatsit.index.generation import Generation, open_generation
from whatsit.index.live import Live
from whatsit.index.writing import write_generation

__all__ = ["Generation", "Live", "current", "open_generation", "write_generation"]
