"""Embedding models of providers."""
