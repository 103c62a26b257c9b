"""The nouns that travel from stage to stage, and the one versioned ``Record``.

``prompt -> neighborhood -> runs -> measurement -> verdict -> report``: a stage takes the
previous noun and returns the next. All nouns are frozen and keyword-only. A number in them is
finite, or it is absent (``None``) with a ``reason``; there is no NaN anywhere.
"""

from __future__ import annotations

from pytest_promptchaos.records.addresses import (
    address,
)
from pytest_promptchaos.records.answers import (
    QUADRANTS,
    Answer,
    Condition,
    Overlay,
    Phrasing,
    Polarity,
    Proposition,
    Quadrant,
    Said,
    Sample,
    Shown,
    contradict,
)
from pytest_promptchaos.records.branches import (
    Branch,
    BranchCard,
    BranchKind,
    Candidate,
    Future,
    Pair,
    RescueMap,
)
from pytest_promptchaos.records.bridges import (
    CENSORS,
    Association,
    Bridge,
    BridgePlan,
    Censor,
    Hypothesis,
    Standing,
)
from pytest_promptchaos.records.conversations import (
    Agreement,
    Conversation,
    Timeline,
    Turn,
)
from pytest_promptchaos.records.measurements import (
    Control,
    Curve,
    Limit,
    Measurement,
    Scalar,
)
from pytest_promptchaos.records.prompts import (
    RUNGS,
    SMALL_RUNGS,
    Certification,
    Image,
    Message,
    Neighbor,
    Neighborhood,
    Origin,
    Prompt,
    Role,
    Rung,
)
from pytest_promptchaos.records.runs import (
    Forced,
    ModelIdentity,
    Run,
    Step,
)
from pytest_promptchaos.records.verdicts import (
    SCHEMA_VERSION,
    Diagnosis,
    Findings,
    Outcome,
    Record,
    Verdict,
    from_plain,
    to_plain,
)

__all__ = [
    "CENSORS",
    "QUADRANTS",
    "RUNGS",
    "SCHEMA_VERSION",
    "SMALL_RUNGS",
    "Agreement",
    "Answer",
    "Association",
    "Branch",
    "BranchCard",
    "BranchKind",
    "Bridge",
    "BridgePlan",
    "Candidate",
    "Censor",
    "Certification",
    "Condition",
    "Control",
    "Conversation",
    "Curve",
    "Diagnosis",
    "Findings",
    "Forced",
    "Future",
    "Hypothesis",
    "Image",
    "Limit",
    "Measurement",
    "Message",
    "ModelIdentity",
    "Neighbor",
    "Neighborhood",
    "Origin",
    "Outcome",
    "Overlay",
    "Pair",
    "Phrasing",
    "Polarity",
    "Prompt",
    "Proposition",
    "Quadrant",
    "Record",
    "RescueMap",
    "Role",
    "Run",
    "Rung",
    "Said",
    "Sample",
    "Scalar",
    "Shown",
    "Standing",
    "Step",
    "Timeline",
    "Turn",
    "Verdict",
    "address",
    "contradict",
    "from_plain",
    "to_plain",
]
