"""Neighborhood -> runs: pinned models, greedy decoding in fixed shapes, embedders."""
