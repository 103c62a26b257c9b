"""The same image in several phrasings: a model must not contradict itself, and must look.

The images are those of the repository's folder suites/xray, the model is trained on such drawings.
Put your own in their place: `picture("scan.png", truth={"effusion": True})`.
"""

import pytest

from pytest_promptchaos import (
    VerdictError,
    assert_consistent_answers,
    measure_answers,
    proposition,
)
from pytest_promptchaos.suite import load_images

MODEL = "bundled:tiny-xray"


@pytest.fixture(scope="module")
def images():
    """Images that are pinned by their sha256, with what is true of them."""
    return load_images("suites/xray/pictures.json")


@pytest.fixture(scope="module")
def effusion():
    """A finding and ways to ask about it: a yes to the last two says that it is not there."""
    return proposition(
        "a pleural effusion",
        id="effusion",
        kinds=["presence", "evidence", "shows", "absent"],
        phrasings=[("Is the image free of {x}?", "yes denies", "free")],
    )


def test_answers_agree_and_rest_on_the_image(images, effusion):
    assert_consistent_answers(MODEL, images, [effusion], ideal_at_least=0.7, flips_at_most=0.15)


def test_what_the_model_was_never_asked_in_training_flips(images):
    new = proposition("a pleural effusion", id="effusion", kinds=["presence", "excluded", "no"])
    with pytest.raises(VerdictError) as failure:
        assert_consistent_answers(MODEL, images, [new], flips_at_most=0.15)
    assert "phrasings contradict the first" in str(failure.value)


def test_every_answer_can_be_looked_at(images, effusion):
    findings = measure_answers(MODEL, images[:6], [effusion], overlays=1)
    for sample in findings.samples:
        first, *others = sample.as_is
        assert (first.question, first.affirms) == (
            "Is there a pleural effusion?",
            first.said == "yes",
        )
        assert len(others) == 4
    shares = [one for one in (findings.measurement, *findings.also) if one.name.endswith("_share")]
    assert sum(share.value for share in shares) == pytest.approx(1)
    assert findings.overlays[0].picture.startswith("data:image/png;base64,")
