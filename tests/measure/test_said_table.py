"""Answers as models give them, by question, and what they must never be read as."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.measure.said import say

if TYPE_CHECKING:
    from pytest_promptchaos.records import Polarity, Said

CARDIOMEGALY = "cardiomegaly"
EFFUSION = "a pleural effusion"
QUESTIONS: dict[str, tuple[str, Polarity]] = {
    "presence": ("Is there {}?", 1),
    "evidence": ("Is there evidence of {}?", 1),
    "rule out": ("Can you rule out {}?", -1),
    "excluded": ("Can {} be excluded?", -1),
    "free": ("Is the image free of {}?", -1),
    "absent": ("Is {} absent?", -1),
    "no": ("Is there no {}?", -1),
    "normal": ("Is the heart size normal?", -1),
    "enlarged": ("Is the heart enlarged?", 1),
}
REFUSALS = (
    "I don't see an image attached.",
    "I don't see any image. Could you upload it?",
    "I don't have access to the image.",
    "I do not have the ability to view images.",
    "I don't have enough information to answer.",
    "There isn't an image",
    "There isn't an image attached to your message.",
    "There is no picture provided.",
    "No picture was provided.",
    "No, there is no X-ray attached.",
    "There is no X-ray to look at.",
    "There is not enough information.",
    "There is no way to tell.",
    "Without the image, there is no evidence either way.",
    "Please provide the image.",
    "Yes, I can help with that! Please upload the image.",
    "It depends.",
)
HEDGES = (
    "Likely yes.",
    "Probably yes.",
    "Probably not.",
    "Maybe no",
    "Yes, possibly.",
    "Yes, it may be present.",
    "There may be no {}.",
    "There is possible {}.",
    "There is probably no {}",
    "It is unlikely that there is {}.",
    "Only a doctor can rule out {}.",
    "To see whether there is {}, look closely.",
)
OTHERS = (
    "There is no pneumothorax.",
    "There is no evidence of pneumothorax.",
    "There is evidence of pneumothorax.",
    "There is no pneumothorax or rib fracture.",
    "Negative for pneumothorax.",
    "Positive for pneumothorax.",
    "The image is free of artifacts.",
    "The image quality is normal.",
    "It is consistent with the prior study.",
    "The lungs are clear.",
    "There is no change in the {}.",
    "There is no longer {}.",
    "A CT can rule out {}.",
    "No pneumothorax, no fracture, no",
)
TABLE: tuple[tuple[str, str, str, Said], ...] = (
    ("presence", CARDIOMEGALY, "There is no pneumothorax. The image shows cardiomegaly.", "yes"),
    ("presence", CARDIOMEGALY, "Yes, there is cardiomegaly. No pleural effusion.", "yes"),
    ("presence", CARDIOMEGALY, "Yes. The heart appears large, but no effusion is seen.", "yes"),
    ("presence", CARDIOMEGALY, "Yes, it is large. The lungs appear normal.", "yes"),
    ("presence", CARDIOMEGALY, "Yes, but pneumonia cannot be ruled out.", "yes"),
    ("presence", CARDIOMEGALY, "No. However, pneumonia cannot be ruled out.", "no"),
    ("presence", CARDIOMEGALY, "Yes, cardiomegaly cannot be ruled out.", "unclear"),
    ("presence", CARDIOMEGALY, "No, but there is a pleural effusion.", "no"),
    ("presence", CARDIOMEGALY, "No, there is cardiomegaly.", "unclear"),
    ("presence", CARDIOMEGALY, "Yes, the heart is normal.", "unclear"),
    ("presence", CARDIOMEGALY, "No. Cardiomegaly is present.", "unclear"),
    ("presence", CARDIOMEGALY, "There is cardiomegaly. There is no cardiomegaly.", "unclear"),
    ("presence", CARDIOMEGALY, "There is cardiomegaly without effusion.", "yes"),
    ("presence", CARDIOMEGALY, "There is pneumothorax without cardiomegaly.", "no"),
    ("presence", CARDIOMEGALY, "No cardiomegaly is seen.", "no"),
    ("presence", CARDIOMEGALY, "No significant cardiomegaly is seen.", "no"),
    ("presence", CARDIOMEGALY, "No effusion, fracture, or cardiomegaly is seen.", "no"),
    ("presence", CARDIOMEGALY, "Neither effusion nor cardiomegaly is seen.", "no"),
    ("presence", CARDIOMEGALY, "There is no X-ray evidence of cardiomegaly.", "no"),
    ("presence", CARDIOMEGALY, "I do not see cardiomegaly in this X-ray.", "no"),
    ("presence", CARDIOMEGALY, "There does not appear to be cardiomegaly.", "no"),
    ("presence", CARDIOMEGALY, "There appears to be cardiomegaly.", "yes"),
    ("presence", CARDIOMEGALY, "There is cardiomegaly, likely due to heart failure.", "yes"),
    ("presence", CARDIOMEGALY, "I can see cardiomegaly.", "yes"),
    ("presence", CARDIOMEGALY, "The image shows cardiomegaly.", "yes"),
    ("presence", CARDIOMEGALY, "Positive.", "yes"),
    ("presence", CARDIOMEGALY, "Negative.", "no"),
    ("presence", CARDIOMEGALY, "Not seen.", "no"),
    ("presence", CARDIOMEGALY, "Nothing abnormal is seen.", "no"),
    ("presence", CARDIOMEGALY, "No abnormality detected.", "no"),
    ("presence", CARDIOMEGALY, "No abnormality in the lungs.", "unclear"),
    ("presence", CARDIOMEGALY, "The chest X-ray is normal.", "no"),
    ("presence", CARDIOMEGALY, "The image is normal, but the heart is large.", "unclear"),
    ("presence", CARDIOMEGALY, "The findings are not consistent with cardiomegaly.", "no"),
    ("presence", CARDIOMEGALY, "No findings consistent with cardiomegaly.", "no"),
    ("presence", CARDIOMEGALY, "Not positive for cardiomegaly.", "no"),
    ("presence", CARDIOMEGALY, "The image isn't free of cardiomegaly.", "yes"),
    ("presence", CARDIOMEGALY, "There is no absence of cardiomegaly.", "unclear"),
    ("presence", CARDIOMEGALY, "It is false that cardiomegaly is present.", "unclear"),
    ("presence", CARDIOMEGALY, "I would not say yes.", "unclear"),
    ("presence", CARDIOMEGALY, "The answer is no because the heart is small", "no"),
    ("presence", CARDIOMEGALY, "The answer is no", "no"),
    ("presence", CARDIOMEGALY, "The lungs are clear. No", "unclear"),
    ("presence", CARDIOMEGALY, "No. 5", "unclear"),
    ("presence", CARDIOMEGALY, "Certainly! The heart is normal.", "unclear"),
    ("presence", CARDIOMEGALY, "There is a nodule. It is present.", "unclear"),
    ("presence", CARDIOMEGALY, "If there is cardiomegaly, the heart is large.", "unclear"),
    ("presence", CARDIOMEGALY, "Cardiomegaly is seen in many diseases.", "unclear"),
    ("presence", EFFUSION, "No effusion.", "no"),
    ("presence", EFFUSION, "No pericardial effusion.", "unclear"),
    ("presence", EFFUSION, "There is a pericardial effusion.", "unclear"),
    ("presence", EFFUSION, "There is a small left pleural effusion.", "yes"),
    ("presence", EFFUSION, "There is no left pleural effusion.", "unclear"),
    ("presence", EFFUSION, "There is no evidence of pleural thickening.", "unclear"),
    ("evidence", CARDIOMEGALY, "No evidence.", "no"),
    ("evidence", CARDIOMEGALY, "Yes, there is evidence of cardiomegaly. There is also no", "yes"),
    ("rule out", CARDIOMEGALY, "I can.", "yes"),
    ("rule out", CARDIOMEGALY, "I cannot.", "no"),
    ("rule out", CARDIOMEGALY, "I can", "unclear"),
    ("rule out", CARDIOMEGALY, "Can't.", "no"),
    ("rule out", CARDIOMEGALY, "It is not possible to rule out cardiomegaly.", "no"),
    ("rule out", CARDIOMEGALY, "The X-ray is not sufficient to rule out cardiomegaly.", "no"),
    ("rule out", CARDIOMEGALY, "I can rule out pneumonia, but not cardiomegaly.", "unclear"),
    ("rule out", CARDIOMEGALY, "I cannot rule out pneumonia based on this image.", "unclear"),
    ("rule out", CARDIOMEGALY, "Cardiomegaly has not been ruled out.", "no"),
    ("rule out", CARDIOMEGALY, "Cardiomegaly has been ruled out.", "yes"),
    ("rule out", CARDIOMEGALY, "Nobody can rule out cardiomegaly.", "unclear"),
    ("rule out", CARDIOMEGALY, "No, because the heart is not normal.", "no"),
    ("rule out", CARDIOMEGALY, "Yes, I can. Pneumonia cannot be ruled out.", "yes"),
    ("rule out", CARDIOMEGALY, "Negative.", "unclear"),
    ("rule out", CARDIOMEGALY, "Yes, cardiomegaly is present.", "unclear"),
    ("excluded", CARDIOMEGALY, "It cannot be.", "no"),
    ("excluded", CARDIOMEGALY, "Cardiomegaly cannot be confidently excluded.", "no"),
    ("excluded", CARDIOMEGALY, "Pneumonia can be excluded.", "unclear"),
    ("free", CARDIOMEGALY, "The image isn't free of cardiomegaly.", "no"),
    ("free", CARDIOMEGALY, "The image is free of cardiomegaly.", "yes"),
    ("absent", CARDIOMEGALY, "Cardiomegaly isn't absent.", "no"),
    ("absent", CARDIOMEGALY, "Absent.", "yes"),
    ("absent", CARDIOMEGALY, "Pneumothorax: absent.", "unclear"),
    ("no", CARDIOMEGALY, "No, there is no cardiomegaly.", "unclear"),
    ("no", CARDIOMEGALY, "Correct, there is no cardiomegaly.", "yes"),
    ("normal", CARDIOMEGALY, "Normal", "yes"),
    ("normal", CARDIOMEGALY, "It's normal.", "yes"),
    ("normal", CARDIOMEGALY, "The heart size is not within normal limits.", "no"),
    ("normal", CARDIOMEGALY, "The heart isn't normal.", "no"),
    ("normal", CARDIOMEGALY, "The heart size is not abnormal.", "yes"),
    ("normal", CARDIOMEGALY, "The heart size is abnormal.", "no"),
    ("normal", CARDIOMEGALY, "The heart rate is normal.", "unclear"),
    ("normal", CARDIOMEGALY, "The heart size is normal, but the lungs are not.", "yes"),
    ("normal", CARDIOMEGALY, "Negative.", "unclear"),
    ("enlarged", CARDIOMEGALY, "The heart is enlarged.", "yes"),
    ("enlarged", CARDIOMEGALY, "The heart isn't enlarged.", "no"),
)


def read(kind: str, finding: str, text: str) -> tuple[Said, str]:
    question, polarity = QUESTIONS[kind]
    return say(text, question=question.format(finding), polarity=polarity, words=finding)


@pytest.mark.parametrize(("kind", "finding", "text", "expected"), TABLE)
def test_typical_answers(kind: str, finding: str, text: str, expected: Said) -> None:
    assert read(kind, finding, text)[0] == expected


@pytest.mark.parametrize("kind", ["presence", "rule out", "free", "normal"])
@pytest.mark.parametrize("text", [*REFUSALS, *HEDGES, *OTHERS])
def test_refusals_doubts_and_other_findings_answer_nothing(kind: str, text: str) -> None:
    assert read(kind, CARDIOMEGALY, text.format(CARDIOMEGALY))[0] == "unclear"


@pytest.mark.parametrize("kind", QUESTIONS)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>\nGot it, yes, let me look at", "unclear"),
        ("<think>The heart is normal", "unclear"),
        ("\u25c1think\u25b7The user asks if there is evidence", "unclear"),
        ("<think>Is it? Yes, it is.</think>\n\nNo.", "no"),
        ("Let me look. Yes.</think>No.", "no"),
        ("\u25c1think\u25b7Hm, no.\u25c1/think\u25b7 Yes.", "yes"),
        ("<think></think>Yes", "yes"),
        ("<think>Yes.</think>", "unclear"),
    ],
)
def test_thinking_is_no_answer(kind: str, text: str, expected: Said) -> None:
    answer, rule = read(kind, CARDIOMEGALY, text)
    assert answer == expected
    assert (rule == "still thinking") is (expected == "unclear" and "</think>" not in text)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(sorted(set(QUESTIONS) - {"normal"})),
    st.sampled_from(["Yes.", "No."]),
    st.lists(
        st.sampled_from(
            [
                "The image shows a nodule.",
                "It shows the chest.",
                "There is a small pneumothorax, seen on the left.",
                "The film is consistent with pneumonia.",
            ]
        ),
        max_size=3,
    ),
)
def test_other_findings_behind_a_yes_or_no_change_nothing(
    kind: str, answer: str, others: list[str]
) -> None:
    text = " ".join([answer, *others])
    assert read(kind, CARDIOMEGALY, text) == read(kind, CARDIOMEGALY, answer)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(QUESTIONS)), st.sampled_from(TABLE))
def test_a_doubt_at_the_end_takes_every_answer_back(
    kind: str, row: tuple[str, str, str, Said]
) -> None:
    assert read(kind, row[1], f"{row[2]}. But I am not sure.")[0] == "unclear"
