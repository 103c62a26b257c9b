"""The heartbeat says what, how far and how long still, and is quiet about short work."""

from __future__ import annotations

from pytest_promptchaos.report.progress import Heartbeat


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def beats(times: list[float]) -> list[str]:
    """What is written when one of ten pieces is done at each of the times."""
    clock, written = Clock(), list[str]()
    heartbeat = Heartbeat(written.append, clock)
    heartbeat("decoding", 0, 10)
    for done, now in enumerate(times, start=1):
        clock.now = now
        heartbeat("decoding", done, 10)
    return [line.strip() for line in written]


def test_short_work_is_silent() -> None:
    assert beats([0.1 * k for k in range(1, 11)]) == []


def test_long_work_tells_how_long_still() -> None:
    assert beats([2, 4]) == ["decoding: 2/10, about 16 s left"]


def test_it_does_not_repeat_itself_within_ten_seconds() -> None:
    assert len(beats([4, 5, 6, 7, 8, 15])) == 2


def test_the_end_needs_no_line() -> None:
    assert beats([0.0] * 9 + [100.0]) == []
