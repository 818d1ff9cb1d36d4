"""Transformer over the objects of an event."""
