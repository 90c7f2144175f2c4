"""The lease: one writer at a time, and a dead one stops nobody for ever."""

from concurrent.futures import ThreadPoolExecutor

from polar_attio_pipeline.ledger import Holder, Ledger


def test_a_new_lease_is_free_and_was_never_taken(ledger: Ledger) -> None:
    assert ledger.lease_holder() == Holder(owner=None, what="", beat=0, turn=0)


def test_while_one_holds_it_another_does_not_get_it_and_sees_who_and_what_for(ledger: Ledger) -> None:
    turn = ledger.take_lease("host/1", "customer_sync")

    assert turn == 1
    assert ledger.take_lease("host/2", "full_reconciliation") is None
    assert ledger.take_lease("host/1", "customer_sync") is None
    assert ledger.lease_holder() == Holder("host/1", "customer_sync", beat=0, turn=1)


def test_after_its_release_the_next_one_gets_the_next_turn(ledger: Ledger) -> None:
    first = ledger.take_lease("host/1", "customer_sync")
    assert first is not None

    ledger.release_lease(first)

    assert ledger.lease_holder() == Holder(None, "", beat=0, turn=1)
    assert ledger.take_lease("host/2", "full_reconciliation") == 2


def test_a_heartbeat_is_counted_and_only_of_the_turn_that_holds_it(ledger: Ledger) -> None:
    turn = ledger.take_lease("host/1", "customer_sync")
    assert turn is not None

    assert [ledger.beat_lease(turn) for _ in range(3)] == [True] * 3
    assert ledger.lease_holder().beat == 3
    assert not ledger.beat_lease(turn + 1)

    ledger.release_lease(turn)
    assert not ledger.beat_lease(turn)


def test_a_dead_owners_lease_is_taken_over_once_and_the_dead_owner_cannot_return(ledger: Ledger) -> None:
    old = ledger.take_lease("dead", "customer_sync")
    assert old is not None
    seen = ledger.lease_holder()

    new = ledger.take_lease("host/2", "full_reconciliation", instead_of=seen)

    assert new == old + 1
    assert ledger.take_lease("host/3", "full_reconciliation", instead_of=seen) is None
    assert not ledger.beat_lease(old)
    ledger.release_lease(old)
    assert ledger.lease_holder() == Holder("host/2", "full_reconciliation", beat=0, turn=new)


def test_an_owner_that_sent_a_heartbeat_meanwhile_keeps_it(ledger: Ledger) -> None:
    turn = ledger.take_lease("slow", "customer_sync")
    assert turn is not None
    seen = ledger.lease_holder()
    ledger.beat_lease(turn)

    assert ledger.take_lease("host/2", "customer_sync", instead_of=seen) is None
    assert ledger.lease_holder().owner == "slow"


def test_an_owner_that_ended_meanwhile_is_not_replaced_but_its_lease_is_free(ledger: Ledger) -> None:
    turn = ledger.take_lease("ending", "customer_sync")
    assert turn is not None
    seen = ledger.lease_holder()
    ledger.release_lease(turn)

    assert ledger.take_lease("host/2", "customer_sync", instead_of=seen) is None
    assert ledger.take_lease("host/2", "customer_sync") == turn + 1


def test_of_many_who_want_it_at_the_same_moment_one_gets_it(url: str) -> None:
    def take(number: int) -> int | None:
        return Ledger(url).take_lease(f"host/{number}", "customer_sync")

    with ThreadPoolExecutor(8) as pool:
        turns = list(pool.map(take, range(16)))

    assert [turn for turn in turns if turn is not None] == [1]
