"""Tangents through depth: how a small difference grows from layer to layer of one forward."""
