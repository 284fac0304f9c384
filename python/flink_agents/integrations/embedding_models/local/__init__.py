"""Embedding models on machines of one's own."""
