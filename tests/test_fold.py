"""The fold by itself: whatever order reports come in, and however often, they describe one state."""

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.models.code import ClosesBy
from app.models.shipment import LegKind, ShipmentStatus
from app.services.fold import (
    BEFORE_CUSTODY,
    OUTCOMES,
    TERMINAL,
    Closure,
    Folded,
    Scan,
    fold,
)

S = ShipmentStatus
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
REASONS = {
    row["code"]: ClosesBy(row["closes_by"])
    for row in json.loads(
        resources.files("app.reference").joinpath("exception_reasons.json").read_text("utf-8")
    )
}
NEVER = sorted(code for code, how in REASONS.items() if how is ClosesBy.NEVER)
TRANSIENT = sorted(code for code, how in REASONS.items() if how is ClosesBy.MOVEMENT)
UNTIL_DELIVERY = sorted(code for code, how in REASONS.items() if how is ClosesBy.DELIVERY)
MOVING = (S.PICKED_UP, S.IN_TRANSIT, S.OUT_FOR_DELIVERY, S.READY_FOR_PICKUP, S.DELIVERED)


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def scan(hours: float, status: S | None = None, reason: str | None = None, **fields: Any) -> Scan:
    """A scan so many hours after the start; a reason raises the alarm, as it does for a mapped code."""
    known: dict[str, Any] = {"code": str(status or reason), "alarm": reason is not None}
    return Scan(id=uuid4(), occurred_at=at(hours), status=status, reason=reason, **known | fields)


def folded(*scans: Scan, closures: Iterable[Closure] = ()) -> Folded:
    return fold(scans, closures, REASONS)


def legs(state: Folded) -> list[tuple[str, str]]:
    return [(leg.kind.value, leg.status.value) for leg in state.legs]


def episodes(state: Folded) -> list[tuple[int, str, bool]]:
    """Leg, reason, and whether it is still open."""
    return [(e.leg_no, e.reason, e.closed_at is None) for e in state.episodes]


def essence(state: Folded) -> dict[str, Any]:
    """All that a fold says, apart from which of several equal reports it says it by."""
    return {
        "status": (state.status, state.status_at),
        "times": (state.picked_up_at, state.first_attempt_at, state.delivered_at, state.last_event_at),
        "unknown": state.delivery_time_unknown,
        "legs": [(leg.leg_no, leg.kind, leg.status, leg.started_at, leg.ended_at) for leg in state.legs],
        "episodes": [
            (e.leg_no, e.reason, e.opened_by.order, e.closed_at, e.closed_by_person) for e in state.episodes
        ],
    }


def shuffled(scans: Sequence[Scan], chance: random.Random) -> list[Scan]:
    """The scans in any order, some of them two or three times, some of those under another id."""
    many = list(scans)
    for each in scans:
        if not each.reopens:
            copies = [replace(each, id=uuid4()) if chance.random() < 0.5 else each for _ in range(2)]
            many += copies[: chance.choice((0, 0, 1, 2))]
    chance.shuffle(many)
    return many


ANY_REASON = st.one_of(
    st.none(),
    st.sampled_from(["recipient_absent", "recipient_redirect", "carrier_damage", "carrier_overdue_unsigned"]),
    st.sampled_from(sorted(REASONS)),
)
ANY_SCAN = st.builds(
    Scan,
    id=st.uuids(version=4),
    occurred_at=st.integers(0, 6).map(at),
    status=st.one_of(st.none(), st.sampled_from(list(S))),
    reason=ANY_REASON,
    code=st.sampled_from(["a", "b"]),
    detail=st.sampled_from(["", "到达杭州"]),
    alarm=st.booleans(),
    estimated=st.booleans(),
    reopens=st.integers(0, 19).map(lambda n: n == 0),
    silence=st.integers(0, 9).map(lambda n: n == 0),
)
ANY_SCANS = st.lists(ANY_SCAN, min_size=1, max_size=24, unique_by=lambda each: each.id)
STEADY = settings(derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@given(ANY_SCANS, st.lists(st.tuples(st.integers(0, 23), st.integers(0, 7)), max_size=3), st.integers(0, 999))
@settings(STEADY, max_examples=250)
def test_any_event_set_in_any_order_and_multiplicity_folds_to_one_state(
    scans: list[Scan], ends: list[tuple[int, int]], seed: int
) -> None:
    """250 event sets in four orders each: 1,000 permutations."""
    chance = random.Random(seed)
    closures = [
        Closure(scans[which].reason or "", at(hour + 0.5), scans[which].id)
        for which, hour in ends
        if which < len(scans)
    ]
    expected = essence(fold(scans, closures, REASONS))
    for _ in range(4):
        chance.shuffle(closures)
        assert essence(fold(shuffled(scans, chance), closures, REASONS)) == expected


@given(ANY_SCANS)
@settings(STEADY, max_examples=300)
def test_whatever_is_reported_the_state_is_one_that_can_be(scans: list[Scan]) -> None:
    state = fold(scans, (), REASONS)
    assert [leg.leg_no for leg in state.legs] == list(range(1, len(state.legs) + 1))
    assert state.legs[0].kind is LegKind.FORWARD or state.legs[0].started_at is not None
    assert state.leg.status == state.status
    assert (state.leg.ended_at is None) == (state.status not in TERMINAL)
    heard = [each.occurred_at for each in scans if not each.silence]
    assert state.last_event_at == max(heard, default=None)
    for episode in state.episodes:
        assert episode.closed_at is None or REASONS[episode.reason] is not ClosesBy.NEVER
        assert episode.closed_at is None or episode.closed_at >= episode.opened_by.occurred_at
        assert 1 <= episode.leg_no <= len(state.legs)
    live = [(e.leg_no, e.reason) for e in state.episodes if e.closed_at is None]
    assert len(live) == len(set(live)), "one live episode per leg and reason"


@given(ANY_SCANS, ANY_SCAN)
@settings(STEADY, max_examples=300)
def test_no_scan_but_an_explicit_outcome_or_a_person_leaves_a_final_status(
    scans: list[Scan], last: Scan
) -> None:
    before = fold(scans, (), REASONS)
    after = fold([*scans, replace(last, occurred_at=at(99))], (), REASONS)
    if before.status not in TERMINAL or last.reopens or after.status == before.status:
        return
    redirected = last.reason == "recipient_redirect" and before.status is S.DELIVERED
    assert last.status in OUTCOMES.get(before.status, ()) or redirected


def test_the_story_of_a_parcel_is_one_state_in_a_thousand_orders() -> None:
    """Two attempts, a redirect, damage, customs, a return; equal instants on purpose."""
    story = [
        scan(0, S.CREATED),
        scan(1, S.PICKUP_FAILED, "sender_not_ready"),
        scan(2, S.PICKED_UP),
        scan(3, S.IN_TRANSIT),
        scan(3, S.IN_TRANSIT, detail="苏黎世 Zürich"),
        scan(3, S.IN_CUSTOMS, "customs_documents"),
        scan(4, S.UNKNOWN, "unmapped", alarm=False, code="?"),
        scan(5, None, "carrier_damage"),
        scan(5, S.ON_HOLD, "carrier_damage", code="209"),
        scan(6, S.OUT_FOR_DELIVERY),
        scan(7, S.ATTEMPT_FAILED, "recipient_absent"),
        scan(8, S.OUT_FOR_DELIVERY),
        scan(9, S.ATTEMPT_FAILED, "recipient_absent"),
        scan(9, S.IN_TRANSIT, "recipient_redirect"),
        scan(10, S.READY_FOR_PICKUP),
        scan(11, S.DELIVERED, estimated=True, code="304"),
        scan(11, S.DELIVERED, code="301"),
        scan(12, S.IN_TRANSIT, detail="late and meaningless"),
        scan(13, S.RETURNING, "recipient_refused"),
        scan(14, S.ATTEMPT_FAILED, "sender_not_ready"),
        scan(15, S.LOST, "carrier_loss"),
        scan(16, S.DELIVERED),
        scan(17, None, None, code="cod_paid"),
    ]
    expected = folded(*story)
    assert legs(expected) == [
        ("forward", "out_for_delivery"),
        ("redirect", "delivered"),
        ("return", "returned"),
    ]
    assert (expected.picked_up_at, expected.first_attempt_at) == (at(2), at(7))
    assert (expected.delivered_at, expected.last_event_at) == (at(11), at(17))
    assert [(leg_no, reason) for leg_no, reason, live in episodes(expected) if live] == [
        (1, "carrier_damage"),
        (3, "carrier_loss"),
    ]
    chance = random.Random(20261121)
    for _ in range(1000):
        assert essence(folded(*shuffled(story, chance))) == essence(expected)


def test_equal_reports_that_differ_in_one_word_alone_fold_alike_in_both_orders() -> None:
    """A delivery whose time is estimated and one whose time is known, at the same instant, with the same code."""
    pairs = [
        (scan(1, S.DELIVERED), scan(1, S.DELIVERED, estimated=True)),
        (scan(1, S.ON_HOLD, "carrier_damage", code="x"), scan(1, S.ON_HOLD, "carrier_theft", code="x")),
        (scan(1, S.UNKNOWN, "unmapped", code="x"), scan(1, S.UNKNOWN, "unmapped", code="x", alarm=False)),
        (scan(1, S.DELIVERED), scan(1, S.DELIVERED, reopens=True)),
    ]
    for one, other in pairs:
        assert essence(folded(one, other)) == essence(folded(other, one))


def test_of_one_instant_the_status_further_along_counts() -> None:
    assert folded(scan(1, S.DELIVERED), scan(1, S.OUT_FOR_DELIVERY)).status is S.DELIVERED
    assert folded(scan(1, S.IN_TRANSIT), scan(1, S.PICKED_UP)).status is S.IN_TRANSIT


@pytest.mark.parametrize("label", sorted(BEFORE_CUSTODY))
@pytest.mark.parametrize("held", sorted(set(S) - BEFORE_CUSTODY))
def test_a_label_never_takes_a_parcel_out_of_custody(held: S, label: S) -> None:
    assert folded(scan(1, held), scan(2, label)).status == held


def test_an_unknown_status_never_overrides_a_known_one() -> None:
    for known in set(S) - {S.UNKNOWN}:
        assert folded(scan(1, known), scan(2, S.UNKNOWN, "unmapped", alarm=False)).status == known
    assert folded(scan(1, S.UNKNOWN)).status is S.UNKNOWN
    assert folded(scan(1, S.UNKNOWN), scan(2, S.CREATED)).status is S.CREATED


@pytest.mark.parametrize("final", sorted(TERMINAL))
@pytest.mark.parametrize("later", sorted(set(S)))
def test_a_final_status_is_left_only_by_an_event_that_says_so(final: S, later: S) -> None:
    state = folded(scan(1, S.PICKED_UP), scan(2, final), scan(3, later))
    if later in OUTCOMES.get(final, ()):
        assert state.status == later
    else:
        assert (state.status, state.status_at) == (final, at(2))


def test_the_outcomes_of_final_statuses_are_these() -> None:
    """Written by hand a second time: delivered may turn back, lost may be found; the others stand."""
    assert {
        "delivered": {"returning", "returned"},
        "lost": {"delivered", "returning", "returned", "disposed"},
    } == {str(status): {str(each) for each in following} for status, following in OUTCOMES.items()}
    assert {"delivered", "returned", "cancelled", "lost", "disposed"} == {str(each) for each in TERMINAL}


def test_a_person_may_leave_any_final_status() -> None:
    for final in TERMINAL:
        state = folded(scan(1, final), scan(2, S.IN_TRANSIT, reopens=True), scan(3, S.OUT_FOR_DELIVERY))
        assert state.status in {S.OUT_FOR_DELIVERY, S.RETURNING}
        assert state.delivered_at is None


def test_an_informational_event_changes_nothing_but_when_something_was_heard() -> None:
    parcel = [scan(1, S.PICKED_UP), scan(2, S.ATTEMPT_FAILED, "recipient_absent"), scan(3, S.DELIVERED)]
    before = essence(folded(*parcel))
    after = essence(
        folded(*parcel, scan(2.5, None, None, code="photo"), scan(9, None, None, code="cod_paid"))
    )
    assert after["times"][3] == at(9)
    after["times"] = (*after["times"][:3], at(3))
    assert after == before


def test_a_delivered_parcel_that_turns_back_keeps_its_delivered_leg() -> None:
    state = folded(scan(1, S.PICKED_UP), scan(2, S.DELIVERED), scan(3, S.RETURNING), scan(4, S.IN_TRANSIT))
    assert legs(state) == [("forward", "delivered"), ("return", "returning")]
    assert state.legs[0].ended_at == state.delivered_at == at(2)
    assert (state.status, state.status_at) == (S.RETURNING, at(4))


def test_to_hand_over_on_the_way_back_is_to_return() -> None:
    state = folded(
        scan(1, S.IN_TRANSIT), scan(2, S.RETURNING), scan(3, S.OUT_FOR_DELIVERY), scan(4, S.DELIVERED)
    )
    assert legs(state) == [("forward", "in_transit"), ("return", "returned")]
    assert state.delivered_at is None


def test_returned_without_a_word_before_still_makes_a_return_leg() -> None:
    state = folded(scan(1, S.DELIVERED), scan(2, S.RETURNED))
    assert legs(state) == [("forward", "delivered"), ("return", "returned")]
    assert (state.delivered_at, state.legs[1].started_at, state.legs[1].ended_at) == (at(1), at(2), at(2))


def test_a_redirect_starts_a_leg_of_its_own_and_only_one() -> None:
    on = [scan(1, S.IN_TRANSIT), scan(2, S.IN_TRANSIT, "recipient_redirect")]
    assert legs(folded(*on)) == [("forward", "in_transit"), ("redirect", "in_transit")]
    again = [*on, scan(3, S.OUT_FOR_DELIVERY, "recipient_redirect"), scan(4, S.DELIVERED)]
    assert legs(folded(*again)) == [("forward", "in_transit"), ("redirect", "delivered")]


def test_a_delivered_parcel_sent_on_does_not_lose_its_delivered_leg() -> None:
    state = folded(scan(1, S.DELIVERED), scan(2, S.IN_TRANSIT, "recipient_redirect"))
    assert legs(state) == [("forward", "delivered"), ("redirect", "in_transit")]
    assert state.legs[0].ended_at == at(1)
    assert legs(folded(scan(1, S.DELIVERED), scan(2, S.IN_TRANSIT))) == [("forward", "delivered")]


def test_only_a_recipient_makes_a_failed_attempt_a_valid_one() -> None:
    state = folded(
        scan(1, S.ATTEMPT_FAILED, "carrier_vehicle"),
        scan(2, S.ATTEMPT_FAILED),
        scan(3, S.ATTEMPT_FAILED, "recipient_absent"),
    )
    assert state.first_attempt_at == at(3)


def test_an_estimated_delivery_has_no_time() -> None:
    state = folded(scan(1, S.PICKED_UP), scan(2, S.DELIVERED, estimated=True))
    assert (state.status, state.delivered_at, state.delivery_time_unknown) == (S.DELIVERED, None, True)


@pytest.mark.parametrize("reason", TRANSIENT)
def test_a_later_movement_closes_a_transient_reason(reason: str) -> None:
    for movement in MOVING:
        state = folded(scan(1, S.PICKED_UP), scan(2, None, reason), scan(3, movement))
        assert episodes(state) == [(1, reason, False)]
        assert state.episodes[0].closed_at == at(3)
    for idle in (S.UNKNOWN, S.CREATED, S.ON_HOLD, S.IN_CUSTOMS, S.ATTEMPT_FAILED, None):
        assert episodes(folded(scan(1, S.PICKED_UP), scan(2, None, reason), scan(3, idle))) == [
            (1, reason, True)
        ]


@pytest.mark.parametrize("reason", UNTIL_DELIVERY)
def test_only_an_end_closes_what_no_movement_can(reason: str) -> None:
    assert episodes(folded(scan(2, None, reason), scan(3, S.IN_TRANSIT))) == [(1, reason, True)]
    for end in TERMINAL - {S.LOST}:
        assert [live for _, _, live in episodes(folded(scan(2, None, reason), scan(3, end)))] == [False]
    assert episodes(folded(scan(2, None, reason), scan(3, S.LOST))) == [(1, reason, True)]


@pytest.mark.parametrize("reason", NEVER)
def test_no_scan_ever_closes_damage_loss_theft_and_their_like(reason: str) -> None:
    following = [scan(3 + n, status) for n, status in enumerate(S)]
    assert (1, reason, True) in episodes(folded(scan(2, None, reason), *following))


def test_the_reasons_that_no_scan_closes_are_these() -> None:
    assert {
        "carrier_damage",
        "carrier_shortage",
        "carrier_loss",
        "carrier_theft",
        "carrier_misdelivery",
        "carrier_false_delivery",
        "carrier_unauthorised_locker",
        "customs_prohibited",
        "sender_prohibited",
    } == set(NEVER)


def test_a_scan_that_moves_and_complains_at_once_does_not_close_its_own_complaint() -> None:
    late = scan(1, S.IN_TRANSIT, "carrier_network_delay")
    assert episodes(folded(late)) == [(1, "carrier_network_delay", True)]
    assert episodes(folded(late, replace(late, id=uuid4()))) == [(1, "carrier_network_delay", True)]


def test_a_movement_of_the_same_instant_but_further_along_is_later() -> None:
    absent = scan(1, S.ATTEMPT_FAILED, "recipient_absent")
    assert episodes(folded(absent, scan(1, S.DELIVERED))) == [(1, "recipient_absent", False)]
    assert episodes(folded(absent, scan(1, S.OUT_FOR_DELIVERY))) == [(1, "recipient_absent", True)]


def test_one_reason_is_one_episode_while_it_is_open() -> None:
    state = folded(*(scan(n, S.ATTEMPT_FAILED, "recipient_absent", code=f"f{n}") for n in (3, 1, 2)))
    assert len(state.episodes) == 1
    assert state.episodes[0].opened_by.occurred_at == at(1)
    assert len(state.episodes[0].scan_ids) == 3


def test_a_movement_that_arrives_late_parts_one_episode_into_two() -> None:
    attempts = [scan(1, S.ATTEMPT_FAILED, "recipient_absent"), scan(3, S.ATTEMPT_FAILED, "recipient_absent")]
    assert episodes(folded(*attempts)) == [(1, "recipient_absent", True)]
    state = folded(*attempts, scan(2, S.OUT_FOR_DELIVERY))
    assert episodes(state) == [(1, "recipient_absent", False), (1, "recipient_absent", True)]


def test_each_leg_has_its_own_episode_of_a_reason() -> None:
    state = folded(scan(1, None, "carrier_damage"), scan(2, S.RETURNING), scan(3, None, "carrier_damage"))
    assert episodes(state) == [(1, "carrier_damage", True), (2, "carrier_damage", True)]


def test_after_a_person_closed_it_only_a_later_scan_opens_another_one() -> None:
    first = scan(1, None, "carrier_damage")
    closed = Closure("carrier_damage", at(5), first.id)
    earlier, same, later = (scan(n, None, "carrier_damage", code=str(n)) for n in (4, 5, 6))
    assert episodes(folded(first, earlier, same, closures=[closed])) == [(1, "carrier_damage", False)]
    assert episodes(folded(first, later, closures=[closed])) == [
        (1, "carrier_damage", False),
        (1, "carrier_damage", True),
    ]


def test_a_person_who_closes_one_legs_exception_leaves_the_others_open() -> None:
    first, second = scan(1, None, "carrier_damage"), scan(3, None, "carrier_damage")
    closed = Closure("carrier_damage", at(5), second.id)
    state = folded(first, scan(2, S.RETURNING), second, closures=[closed])
    assert episodes(state) == [(1, "carrier_damage", True), (2, "carrier_damage", False)]


def test_silence_found_on_a_parcel_that_had_arrived_means_nothing() -> None:
    """The delivery was reported late: the sweep could not know of it."""
    silent = scan(80, None, "carrier_no_update", silence=True)
    assert episodes(folded(scan(1, S.PICKED_UP), silent)) == [(1, "carrier_no_update", True)]
    assert episodes(folded(scan(1, S.PICKED_UP), scan(2, S.DELIVERED), silent)) == []


def test_silence_is_not_something_heard() -> None:
    state = folded(scan(1, S.PICKED_UP), scan(80, None, "carrier_no_update", silence=True))
    assert state.last_event_at == at(1)


def test_nothing_reported_is_a_parcel_just_made_known() -> None:
    state = fold([])
    assert (state.status, state.status_at, legs(state)) == (S.CREATED, None, [("forward", "created")])
    assert isinstance(scan(1).id, UUID)


def test_the_exact_time_of_a_delivery_replaces_an_estimate() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    guess = Scan(uuid4(), noon, ShipmentStatus.DELIVERED, None, "delivered", estimated=True)
    exact = Scan(uuid4(), noon + timedelta(hours=2), ShipmentStatus.DELIVERED, None, "delivered")
    assert fold([guess]).delivery_time_unknown
    for order in ([guess, exact], [exact, guess]):
        told = fold(order)
        assert (told.delivered_at, told.delivery_time_unknown) == (exact.occurred_at, False)
