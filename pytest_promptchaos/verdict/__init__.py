"""Measurement x limit -> verdict, and all of its wording."""
