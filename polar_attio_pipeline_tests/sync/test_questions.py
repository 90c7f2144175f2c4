"""Questions to Polar about single customers: each answer at its customer, and what has none says why."""

import pytest

from polar_attio_pipeline.sync.health import TOLERATED, Health, Kind, ServiceDownError
from polar_attio_pipeline.sync.ports import DeniedError, NoAnswerError, UnavailableError
from polar_attio_pipeline.sync.questions import Answers, Questions, ask
from polar_attio_pipeline.sync.records import Owner
from polar_attio_pipeline_tests.sync.builders import ADA, BOB
from polar_attio_pipeline_tests.sync.fakes import Polar

TEAM = "7ea00000-0000-4000-8000-000000000003"
OWNER = Owner("ada@example.com", "Ada Lovelace")
KINDS = [Kind.OWNER, Kind.EXISTENCE]


def about(kind: Kind, customer_id: str) -> Questions:
    only = frozenset({customer_id})
    return Questions(owners=only) if kind is Kind.OWNER else Questions(existence=only)


def why_not(kind: Kind, answers: Answers) -> dict[str, str]:
    return answers.no_owner if kind is Kind.OWNER else answers.no_existence


async def test_each_answer_is_kept_at_its_customer() -> None:
    polar, answers = Polar({TEAM: OWNER, ADA: None}, {ADA: True, BOB: False}), Answers()

    await ask(Questions(frozenset({TEAM, ADA}), frozenset({ADA, BOB})), polar, Health(polar.is_answering), answers)

    assert answers == Answers(owners={TEAM: OWNER, ADA: None}, alive={ADA: True, BOB: False})


@pytest.mark.parametrize("error", [NoAnswerError("No."), UnavailableError("No."), DeniedError("No.")])
async def test_a_question_without_an_answer_says_why_and_costs_no_other_one(error: Exception) -> None:
    polar, answers = Polar({TEAM: error, BOB: OWNER}, {ADA: error, BOB: True}), Answers()

    await ask(Questions(frozenset({TEAM, BOB}), frozenset({ADA, BOB})), polar, Health(polar.is_answering), answers)

    assert answers == Answers({BOB: OWNER}, {BOB: True}, no_owner={TEAM: "No."}, no_existence={ADA: "No."})


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kind_of_question_that_always_fails_is_not_asked_any_more(kind: Kind) -> None:
    error = UnavailableError("Polar fails.")
    polar, answers = Polar({TEAM: error}, {TEAM: error}), Answers()
    health = Health(polar.is_answering)

    for _ in range(TOLERATED + 3):
        await ask(about(kind, TEAM), polar, health, answers)

    assert len(polar.asked) == TOLERATED + 1
    assert why_not(kind, answers) == {
        TEAM: f"All {kind} fail at present, so this one was left out: Polar fails.",
    }
    assert [other for other in Kind if health.closed(other)] == [kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("answer", [NoAnswerError("No."), None])
async def test_an_answer_between_them_shows_that_failures_are_single_ones(
    kind: Kind, answer: NoAnswerError | None
) -> None:
    error = UnavailableError("Polar fails.")
    polar = Polar({TEAM: error, ADA: answer}, {TEAM: error, ADA: answer or False})
    health = Health(polar.is_answering)

    for customer_id in [TEAM] * TOLERATED + [ADA] + [TEAM] * TOLERATED:
        await ask(about(kind, customer_id), polar, health, Answers())

    assert health.closed(kind) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_where_polar_answers_nothing_at_all_the_pass_ends_in_the_words_of_the_failure(kind: Kind) -> None:
    error = UnavailableError("Polar fails.")
    polar = Polar({TEAM: error}, {TEAM: error}, answers=False)

    with pytest.raises(ServiceDownError, match=r"^Polar fails\.$"):
        await ask(about(kind, TEAM), polar, Health(polar.is_answering), Answers())
