"""Runs -> measurement: plain arrays in, numbers with intervals and their guards out."""
