"""Prompt -> Neighborhood: the ladder of edits, their certification, stable ids.

``ladder.neighborhood`` draws the neighbors, ``edits`` and ``lexicon`` make them, ``prose`` says
what of a prompt may be edited, ``certify`` drops what a template erases.
"""
