"""Prompt -> Neighborhood: the ladder of edits, their certification, stable ids.

``ladder.neighborhood`` draws the neighbors, ``edits`` and ``lexicon`` make them, ``prose`` says
what of a prompt may be edited, ``messages`` which message of it, ``certify`` drops what a template
erases, ``ledger`` lists who vouches for authored texts. ``compose`` puts edits together, ``mix``
draws mixtures of them, ``shrink`` and ``hunks`` take an edit apart, and ``strategies`` hands all of
it to Hypothesis.
"""
