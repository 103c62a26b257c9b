from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.report.transcripts import transcripts
from report.conversations import in_full, timeline

ONE = in_full(replace(timeline("HOMO_B", 0, 0, turns=8), collapsed=(False,) * 6 + (True,) * 2))


def test_only_conversations_whose_texts_were_kept_are_shown_the_most_collapsed_first() -> None:
    worse = replace(ONE, seed_id="worse", collapsed=(False,) * 4 + (True,) * 4)
    bare = replace(ONE, texts=(), collapsed=(True,) * 8)
    assert [one.name.partition(",")[0] for one in transcripts([ONE, bare, worse], 9)] == [
        "worse",
        ONE.seed_id,
    ]
    assert len(transcripts([ONE, worse], 1)) == 1
    assert transcripts([ONE], 0) == ()


def test_a_turn_says_what_each_detector_calls_it() -> None:
    marked = replace(ONE, otherwise=(False,) * 7 + (True,), lexical=(True,) + (False,) * 7)
    (found,) = transcripts([marked], 1)
    assert [turn.collapsed for turn in found.turns] == list(ONE.collapsed)
    assert found.turns[0].marks == ("repeats words",)
    assert found.turns[7].marks == ("collapsed", "by the other reading")


def test_a_cosine_is_absent_where_there_is_no_turn_before() -> None:
    (found,) = transcripts([ONE], 1)
    assert [turn.s1 is None for turn in found.turns[:3]] == [True, False, False]
    assert [turn.s2 is None for turn in found.turns[:3]] == [True, True, False]
    (bare,) = transcripts([replace(ONE, s1=(), s2=())], 1)
    assert {turn.s1 for turn in bare.turns} == {None}


def test_speakers_are_named_only_where_there_are_several() -> None:
    (alone,) = transcripts([ONE], 1)
    assert {turn.speaker for turn in alone.turns} == {""}
    (both,) = transcripts([replace(ONE, speakers=("bundled:a", "bundled:b") * 4)], 1)
    assert [turn.speaker for turn in both.turns[:2]] == ["bundled:a", "bundled:b"]
