"""Suites that hold what a suite can hold."""

LINES = [  # every key that a suite can hold, each beside its path
    ("version: 1", "version"),
    ("title: Quickstart", "title"),
    ("models: ['bundled:tiny-chat']", "models"),
    ("settings:", "settings"),
    ("  horizon: 64", "settings.horizon"),
    ("  seed: 7", "settings.seed"),
    ("  per_rung: 5", "settings.per_rung"),
    ("  embedder: bundled:small", "settings.embedder"),
    ("  dtype: float32", "settings.dtype"),
    ("  device: cpu", "settings.device"),
    ("  min_effective: 4", "settings.min_effective"),
    ("  null: 2", "settings.null"),
    ("  inconclusive: warn", "settings.inconclusive"),
    ("prompts:", "prompts"),
    ("  - id: dune", "prompts[0].id"),
    ("    text: Recommend a book like Dune.", "prompts[0].text"),
    ("    system: Answer in one line.", "prompts[0].system"),
    ("    target: system", "prompts[0].target"),
    ("    paraphrases:", "prompts[0].paraphrases"),
    ("      - text: Answer in a single line.", "prompts[0].paraphrases[0].text"),
    ("        origin: generated", "prompts[0].paraphrases[0].origin"),
    ("        reviewer: Ann", "prompts[0].paraphrases[0].reviewer"),
    ("    small_semantic: [Answer in two lines.]", "prompts[0].small_semantic"),
    ("    positive_control: ['How do I boil an egg?']", "prompts[0].positive_control"),
    ("  - id: capital", "prompts[1].id"),
    ("    messages:", "prompts[1].messages"),
    ("      - role: assistant", "prompts[1].messages[0].role"),
    ("        content: Ask me.", "prompts[1].messages[0].content"),
    ("    text: No", "prompts[1].text"),
    ("checks:", "checks"),
    ("  - check: stable_neighborhood", "checks[0].check"),
    ("    id: steady", "checks[0].id"),
    ("    prompts: [capital]", "checks[0].prompts"),
    ("    at_most: 0.15", "checks[0].at_most"),
    ("    metric: token_edit", "checks[0].metric"),
    ("    rungs: [format, paraphrase]", "checks[0].rungs"),
    ("    horizon: 8", "checks[0].horizon"),
    ("    per_rung: 2", "checks[0].per_rung"),
    ("    expect: failed", "checks[0].expect"),
    ("  - at_most: 1e-3", "checks[1].at_most"),
    ("    check: ftle", "checks[1].check"),
    ("    at_least: -2", "checks[1].at_least"),
    ("    seed: 1", "checks[1].seed"),
    ("    tangents: 4", "checks[1].tangents"),
    ("    positions: assistant", "checks[1].positions"),
    ("    null: 3", "checks[1].null"),
    ("    beside: [spectrum, leading]", "checks[1].beside"),
    ("  - check: depth_profile", "checks[2].check"),
    ("    id: shape", "checks[2].id"),
    ("    variance_at_most: 4", "checks[2].variance_at_most"),
    ("    slope_between: [-1, 0.5]", "checks[2].slope_between"),
    ("    no_layer_above: 2.5", "checks[2].no_layer_above"),
    ("  - check: system", "checks[3].check"),
    ("    system: tanh", "checks[3].system"),
    ("    at_most: 0", "checks[3].at_most"),
    ("    radius: 0.9", "checks[3].radius"),
    ("    weights: tied", "checks[3].weights"),
    ("  - check: responsive", "checks[4].check"),
    ("    at_least: 0.2", "checks[4].at_least"),
    ("    horizons: [16, 64]", "checks[4].horizons"),
    ("    extract: 'regex:[0-9]+'", "checks[4].extract"),
    ("    validate: 'answers.rules:right'", "checks[4].validate"),
    ("    branch_cards: replay", "checks[4].branch_cards"),
    ("  - check: drift", "checks[5].check"),
    ("    at_most: 0.1", "checks[5].at_most"),
    ("    models: ['bundled:a', 'bundled:b']", "checks[5].models"),
    ("    reference: bundled:b", "checks[5].reference"),
    ("  - check: stable_sampling", "checks[6].check"),
    ("    at_most: 0.5", "checks[6].at_most"),
    ("    draws: 4", "checks[6].draws"),
    ("    temperature: 1", "checks[6].temperature"),
    ("    top_p: 0.9", "checks[6].top_p"),
    ("  - check: worst_neighbor", "checks[7].check"),
    ("    at_most: 0.9", "checks[7].at_most"),
    ("    budget: 50", "checks[7].budget"),
]
VALID = "\n".join(line for line, _ in LINES)
SHORT = """version: 1
prompts:
  - id: dune
    text: Recommend a book.
checks:
  - check: ftle
    at_most: 1
"""


SYSTEM = """version: 1
checks:
  - check: system
    system: lorenz
    at_least: 0.886
    at_most: 0.926
"""
