"""The worst neighbor of a prompt: a hunt under a budget, verified, shrunk, replayed first.

``find.find_worst`` is what users call, ``hunt`` decides what to try, ``trials`` asks the model and
counts, ``controls`` are what must move it, ``failing_edits`` remembers, ``worst`` is what comes
back and ``shown`` its pairs and the branch card.
"""
