"""What the gateway says of emits is true while everything breaks; and what is untrue is found."""

import pytest
import verdict
from verdict import Said
from witness import Message

from emits import FAILED, ONCE, RESTLESS, ROUTED, UNKNOWN, UNROUTED
from torture import torture


def said(outcome, number=1, form="room", keys=("a", "b")):
    return Said(number, form, outcome, None, keys, 1, 10.0, 11.0)


def untruths(outcome, *arrived, form="room", keys=("a", "b"), unsteady=()):
    messages = [Message(offset, 1, key, True) for offset, key in enumerate(arrived)]
    return verdict.untruths([said(outcome, form=form, keys=keys)], messages, unsteady)


def test_the_truth_is_no_fault():
    assert untruths(ROUTED, "a", "b") == []
    assert untruths(ROUTED, ONCE, keys=(ONCE,)) == []
    assert untruths(ROUTED, "a", keys=("a", RESTLESS)) == []
    assert untruths(UNROUTED) == untruths(FAILED) == []
    assert untruths(UNKNOWN) == untruths(UNKNOWN, "b") == untruths(UNKNOWN, "a", "b") == []


def test_one_of_several_rooms_is_enough_while_these_come_and_go():
    assert untruths(ROUTED, "a", unsteady=[(10.5, 12)]) == []
    assert "lost" in untruths(ROUTED, "a", unsteady=[(8, 9), (12, 13)])[0]
    assert "lost" in untruths(ROUTED, unsteady=[(8, 13)])[0]


def test_what_servers_have_acknowledged_may_end_with_the_broker():
    for form in ("acknowledged", "key, acknowledged"):
        assert untruths(ROUTED, form=form, keys=(ONCE,), unsteady=[(11.5, 15)]) == []
        assert "lost" in untruths(ROUTED, form=form, keys=(ONCE,), unsteady=[(14, 15)])[0]
    assert "lost" in untruths(ROUTED, keys=(ONCE,), unsteady=[(11.5, 15)])[0]


@pytest.mark.parametrize(
    "outcome, arrived, fault",
    [
        (ROUTED, [], "lost"),
        (ROUTED, ["a"], "lost"),
        (ROUTED, ["a", "b", "a"], "twice"),
        (ROUTED, ["a", "b", "c"], "elsewhere"),
        (UNKNOWN, ["a", "a"], "twice"),
        (FAILED, ["a"], "arrived"),
        (UNROUTED, ["b"], "arrived"),
    ],
)
def test_an_untruth_is_found(outcome, arrived, fault):
    (found,) = untruths(outcome, *arrived)
    assert fault in found


def test_a_message_of_nobody_and_one_that_is_not_whole_are_found():
    assert "nobody" in verdict.untruths([], [Message(0, 1, "a", True)])[0]
    assert "mutilated" in verdict.untruths([said(UNKNOWN)], [Message(0, 1, "a", False)])[0]


def test_the_order_of_a_batch_counts_for_what_was_routed():
    messages = [Message(0, 2, "a", True), Message(1, 1, "a", True)]
    second = said(ROUTED, 2, "batch, room", ("a",))
    assert "order" in verdict.untruths([said(ROUTED, 1, "batch, room", ("a",)), second], messages)[0]
    assert verdict.untruths([said(UNKNOWN, 1, "batch, room", ("a",)), second], messages) == []


@pytest.mark.slow
def test_two_minutes_of_torture():
    report = torture(120)
    print(report)
    assert report.untruths == []
    assert report.count(ROUTED) > 10_000
