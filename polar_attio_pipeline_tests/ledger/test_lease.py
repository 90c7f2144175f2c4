"""The lease: one writer at a time, and a dead one stops nobody for ever."""

from concurrent.futures import ThreadPoolExecutor

from polar_attio_pipeline.ledger import Holder, Ledger


def test_a_new_lease_is_free_and_was_never_taken(ledger: Ledger) -> None:
    assert ledger.lease_holder() == Holder(owner=None, activity="", heartbeats=0, fencing_token=0)


def test_while_one_holds_it_another_does_not_get_it_and_sees_who_and_what_for(ledger: Ledger) -> None:
    token = ledger.acquire_lease("host/1", "customer_sync")

    assert token == 1
    assert ledger.acquire_lease("host/2", "full_reconciliation") is None
    assert ledger.acquire_lease("host/1", "customer_sync") is None
    assert ledger.lease_holder() == Holder("host/1", "customer_sync", heartbeats=0, fencing_token=1)


def test_after_its_release_the_next_one_gets_the_next_turn(ledger: Ledger) -> None:
    first = ledger.acquire_lease("host/1", "customer_sync")
    assert first is not None

    ledger.release_lease(first)

    assert ledger.lease_holder() == Holder(None, "", heartbeats=0, fencing_token=1)
    assert ledger.acquire_lease("host/2", "full_reconciliation") == 2


def test_a_heartbeat_is_counted_and_only_of_the_token_that_holds_the_lease(ledger: Ledger) -> None:
    token = ledger.acquire_lease("host/1", "customer_sync")
    assert token is not None

    assert [ledger.renew_lease(token) for _ in range(3)] == [True] * 3
    assert ledger.lease_holder().heartbeats == 3
    assert not ledger.renew_lease(token + 1)

    ledger.release_lease(token)
    assert not ledger.renew_lease(token)


def test_a_dead_owners_lease_is_taken_over_once_and_the_dead_owner_cannot_return(ledger: Ledger) -> None:
    old = ledger.acquire_lease("dead", "customer_sync")
    assert old is not None
    seen = ledger.lease_holder()

    new = ledger.acquire_lease("host/2", "full_reconciliation", instead_of=seen)

    assert new == old + 1
    assert ledger.acquire_lease("host/3", "full_reconciliation", instead_of=seen) is None
    assert not ledger.renew_lease(old)
    ledger.release_lease(old)
    assert ledger.lease_holder() == Holder("host/2", "full_reconciliation", heartbeats=0, fencing_token=new)


def test_an_owner_that_sent_a_heartbeat_meanwhile_keeps_it(ledger: Ledger) -> None:
    token = ledger.acquire_lease("slow", "customer_sync")
    assert token is not None
    seen = ledger.lease_holder()
    ledger.renew_lease(token)

    assert ledger.acquire_lease("host/2", "customer_sync", instead_of=seen) is None
    assert ledger.lease_holder().owner == "slow"


def test_an_owner_that_ended_meanwhile_is_not_replaced_but_its_lease_is_free(ledger: Ledger) -> None:
    token = ledger.acquire_lease("ending", "customer_sync")
    assert token is not None
    seen = ledger.lease_holder()
    ledger.release_lease(token)

    assert ledger.acquire_lease("host/2", "customer_sync", instead_of=seen) is None
    assert ledger.acquire_lease("host/2", "customer_sync") == token + 1


def test_of_many_who_want_it_at_the_same_moment_one_gets_it(url: str) -> None:
    def take(number: int) -> int | None:
        return Ledger(url).acquire_lease(f"host/{number}", "customer_sync")

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(take, range(16)))

    assert [token for token in tokens if token is not None] == [1]
