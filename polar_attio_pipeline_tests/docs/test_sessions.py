"""The session on the page is one that the commands still hold, and says of each what it says there."""

import pytest

from polar_attio_pipeline_tests.docs.sessions import PAGE, commands, normalised, page, play, terminal

CUSTOMERS = 60


def test_ids_times_and_durations_are_replaced() -> None:
    pass_id, record_id = "986f7e78991c4b55bf92e7388fee4e88", "0d1e5f9c-5a7c-4c0a-9f3e-6a5d5b1f2c3d"

    text = normalised(
        f"12:30:01 {record_id} and {record_id}, pass {pass_id}, 986f7e78; 2026-11-30 12:30 UTC after 2.5 s"
    )

    assert text == (
        "HH:MM:SS 00000001-0000-4000-8000-000000000000 and 00000001-0000-4000-8000-000000000000, pass "
        "00000001000000000000000000000000, 00000001; YYYY-MM-DD HH:MM UTC after N s"
    )


@pytest.mark.slow
def test_the_session_of_the_page_can_be_held_again() -> None:
    with terminal(CUSTOMERS) as session:
        ran = [done for _, done in play(session, CUSTOMERS)]
        again = page(session.ran, CUSTOMERS)

    assert commands(again) == commands(PAGE.read_text(encoding="utf-8"))
    plan, stopped, resumed, explained, synced, listed, dry_run, undone, status = ran
    assert "60 customers, " in plan.output
    assert "Asked to end" in stopped.output
    assert "Finished after" in resumed.output
    assert "-> Ada Lovelace" in explained.output
    assert "1 updated, 59 unchanged" in synced.output
    assert "1 value written" in listed.output
    assert "name" in dry_run.output
    assert "Values: 1 put back." in undone.output
    assert "All is well" in status.output
