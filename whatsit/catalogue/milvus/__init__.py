"""The same catalogue in Milvus."""
