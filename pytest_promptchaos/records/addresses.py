"""Content addresses: what tells two pieces of evidence apart."""

from __future__ import annotations

import hashlib
import json


def address(kind: str, **parts: object) -> str:
    """Return the content address of a piece of evidence: 64 hex digits.

    It is the sha256 of the canonical JSON of ``kind`` and ``parts``, so two pieces share an
    address exactly when everything that is said of them is equal.
    """
    canonical = json.dumps([kind, parts], sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()
