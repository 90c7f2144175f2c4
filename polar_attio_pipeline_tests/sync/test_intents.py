"""What is put on record before a write, and what a later look shows of a write without an answer."""

import pytest

from polar_attio_pipeline.sync.companies.groups import CompanyRecord
from polar_attio_pipeline.sync.intents import Intent, intent_of, seen_of_company, seen_of_person
from polar_attio_pipeline.sync.matching import Case, Match
from polar_attio_pipeline.sync.planning import Action, Change, Plan
from polar_attio_pipeline.sync.records import Actor, CurrentValue, Person, PersonName
from polar_attio_pipeline.sync.writes import Write, WriteAction, WrittenValue
from polar_attio_pipeline_tests.sync.builders import ADA, BOB, customer, person

LOVELACE = PersonName("Ada", "Lovelace", "Ada Lovelace")


def wanted(key: str, new: object, old: object = None, actor: Actor | None = None) -> WrittenValue:
    return WrittenValue(key, old, actor, new)  # type: ignore[arg-type]


NEW = Intent(ADA, None, (wanted("email_addresses", "Ada@Example.com"), wanted("polar_customer_id", ADA)))
NEW_COMPANY = Intent(None, None, (wanted("domains", "acme.com"), wanted("polar_customer", True)), "companies")


class TestPlans:
    def test_of_a_person_it_has_the_old_values_and_who_wrote_them(self) -> None:
        held = person("r1", "a@example.com", "b@example.com", actor="app", polar_country="DE")
        changes = (
            Change("email_addresses", "a@example.com, b@example.com", "ada@example.com"),
            Change("name", None, LOVELACE),
            Change("polar_country", "DE", "GB"),
        )

        intent = intent_of(Plan(customer(), Match(Case.KNOWN, held, (held,)), Action.UPDATE, changes))

        assert (intent.customer_id, intent.record_id, intent.action, intent.matching_value) == (
            ADA,
            "r1",
            WriteAction.UPDATE,
            None,
        )
        assert intent.values == (
            WrittenValue("email_addresses", ("a@example.com", "b@example.com"), None, "ada@example.com"),
            WrittenValue("name", None, None, LOVELACE),
            WrittenValue("polar_country", "DE", "app", "GB"),
        )

    def test_of_a_new_person_there_are_no_old_values_and_the_address_is_what_it_is_known_by(self) -> None:
        changes = (Change("email_addresses", None, "ada@example.com"), Change("polar_customer_id", None, ADA))

        intent = intent_of(Plan(customer(), Match(Case.NEW, None, ()), Action.CREATE, changes))

        assert (intent.record_id, intent.action, intent.matching_value) == (
            None,
            WriteAction.CREATE,
            "ada@example.com",
        )
        assert [value.old for value in intent.values] == [None, None]

    def test_a_new_person_of_whom_values_were_sorted_out_was_made_by_the_first_request_and_updated_by_the_others(
        self,
    ) -> None:
        answers = [(["email_addresses"], "x-1"), (["polar_customer_id"], "x-2")]

        first, second = NEW.done("r9", answers)

        assert first == Write(ADA, "r9", NEW.values[:1], action=WriteAction.CREATE, execution_id="x-1")
        assert second == Write(ADA, "r9", NEW.values[1:], action=WriteAction.UPDATE, execution_id="x-2")


UPDATE = Intent(ADA, "r1", (wanted("polar_country", "GB", "DE"), wanted("polar_status", None, "Deleted")))
LINK = Intent(ADA, "r1", (wanted("company", "c1"),))
MOVED = Intent(ADA, "r1", (wanted("email_addresses", "ada@new.com", ("ada@old.com",)),))
CLEARED = Intent(ADA, "r1", (wanted("polar_status", None, "Deleted"),))
TAKEN_OFF = Intent(ADA, "r1", (wanted("email_addresses", ("Ada@old.com",), ("Ada@New.com", "ada@old.com")),))


@pytest.mark.parametrize(
    ("intent", "now", "keys"),
    [
        (UPDATE, person("r1", polar_country="GB"), ["polar_country", "polar_status"]),
        (UPDATE, person("r1", polar_country="GB", polar_status="Deleted"), ["polar_country"]),
        (UPDATE, person("r1", polar_country="GB", actor="workspace-member"), []),
        (UPDATE, person("r1", polar_country="FR"), []),
        (UPDATE, person("r1", polar_country="DE"), []),
        (UPDATE, person("r2", polar_country="GB"), []),
        (CLEARED, person("r1"), ["polar_status"]),
        (CLEARED, person("r1", polar_status="Deleted"), []),
        (LINK, Person("r1", "", (), company=CurrentValue("c1", "api-token")), ["company"]),
        (LINK, Person("r1", "", (), company=CurrentValue("c1", "system")), []),
        (MOVED, person("r1", "ada@new.com", "ada@old.com"), ["email_addresses"]),
        (MOVED, person("r1", "ada@old.com"), []),
        (TAKEN_OFF, person("r1", "ada@old.com"), ["email_addresses"]),
        (TAKEN_OFF, person("r1", "ada@old.com", "joined@since.com"), ["email_addresses"]),
        (TAKEN_OFF, person("r1", "ada@new.com", "ada@old.com"), []),
        (NEW, person("r9", "ada@example.com", polar_customer_id=ADA), ["email_addresses", "polar_customer_id"]),
        (NEW, person("r9", "somebody@else.com", polar_customer_id=ADA), ["polar_customer_id"]),
        (NEW, person("r9", "ada@example.com"), []),
        (NEW, person("r9", "ada@example.com", polar_customer_id=BOB), []),
        (NEW, person("r9", "ada@example.com", polar_customer_id=ADA, actor="workspace-member"), []),
    ],
)
def test_of_a_write_without_an_answer_only_what_a_key_has_written_and_the_person_holds_is_known(
    intent: Intent, now: Person, keys: list[str]
) -> None:
    seen = seen_of_person(intent, now)

    assert [value.key for value in seen.values] == keys if seen else not keys
    assert seen is None or seen == Write(ADA, now.record_id, seen.values, "people", intent.action, execution_id=None)


@pytest.mark.parametrize(
    ("domains", "mark", "keys"),
    [
        (("acme.com",), CurrentValue(True, "api-token"), ["domains", "polar_customer"]),
        (("acme.org",), CurrentValue(True, "api-token"), ["polar_customer"]),
        (("acme.com",), CurrentValue(True, "workspace-member"), []),
        (("acme.com",), None, []),
    ],
)
def test_a_company_that_holds_the_domain_was_made_by_the_write_only_if_a_key_has_marked_it(
    domains: tuple[str, ...], mark: CurrentValue | None, keys: list[str]
) -> None:
    seen = seen_of_company(NEW_COMPANY, CompanyRecord("c1", "", domains, {"polar_customer": mark} if mark else {}))

    assert [value.key for value in seen.values] == keys if seen else not keys
    assert seen is None or seen == Write(None, "c1", seen.values, "companies", WriteAction.CREATE)


NOW = person("r1", "ada@new.com", polar_customer_id=BOB, polar_country="FR", polar_customer=False)
MADE = Intent(
    ADA,
    None,
    (*NEW.values, wanted("polar_customer", True), wanted("polar_country", "FR"), wanted("polar_type", "team")),
)
TAKEN_OVER = wanted("polar_customer_id", BOB, ADA, "api-token")
UNMARKED = wanted("polar_customer", False, True, "api-token")
JOINED = wanted("email_addresses", "ada@new.com", ("ADA@example.com",))


@pytest.mark.parametrize(
    ("intent", "now", "later", "keys"),
    [
        (MADE, NOW, [], []),
        (MADE, NOW, [UNMARKED], ["polar_customer", "polar_country"]),
        (MADE, NOW, [UNMARKED, TAKEN_OVER], ["polar_customer_id", "polar_customer", "polar_country"]),
        (MADE, NOW, [JOINED, UNMARKED], ["email_addresses", "polar_customer", "polar_country"]),
        (MADE, NOW, [UNMARKED, wanted("polar_customer", True, None)], []),
        (MADE, NOW, [wanted("polar_customer", False, True, "workspace-member")], []),
        (MADE, NOW, [wanted("polar_customer", False, True)], []),
        (MADE, NOW, [UNMARKED, wanted("polar_country", "FR", "GB", "api-token")], ["polar_customer"]),
        (MADE, NOW, [UNMARKED, wanted("name", LOVELACE)], ["polar_customer", "polar_country"]),
        (CLEARED, person("r1", polar_status="Active"), [wanted("polar_status", "Active")], ["polar_status"]),
        (CLEARED, person("r1"), [wanted("polar_status", None, "Deleted", "api-token")], []),
        (LINK, Person("r1", "", ()), [wanted("company", None, "c1", "api-token")], ["company"]),
        (LINK, Person("r1", "", (), company=CurrentValue("c1", "api-token")), [wanted("company", "c1")], []),
        (
            TAKEN_OFF,
            person("r1", "ada@new.com"),
            [wanted("email_addresses", "x@y.com", ("a@b.c",))],
            ["email_addresses"],
        ),
        (TAKEN_OFF, person("r1"), [wanted("email_addresses", (), ("ada@old.com", "ada@new.com"))], []),
    ],
)
def test_of_a_person_who_was_written_again_since_counts_what_the_oldest_later_write_found_there(
    intent: Intent, now: Person, later: list[WrittenValue], keys: list[str]
) -> None:
    seen = seen_of_person(intent, now, later)

    assert [value.key for value in seen.values] == keys if seen else not keys


def test_of_a_company_that_was_written_again_since_counts_what_the_oldest_later_write_found_there() -> None:
    now = CompanyRecord("c1", "", ("acme.com",), {"polar_customer": CurrentValue(False, "api-token")})

    assert seen_of_company(NEW_COMPANY, now, []) is None
    assert seen_of_company(NEW_COMPANY, now, [UNMARKED]) == Write(
        None, "c1", NEW_COMPANY.values, "companies", WriteAction.CREATE
    )


def test_a_domain_that_a_later_write_found_is_known_in_either_spelling() -> None:
    made = Intent(None, None, (wanted("domains", "xn--bcher-kva.de"), wanted("polar_customer", True)), "companies")
    now = CompanyRecord("c1", "", ("acme.com",), {"polar_customer": CurrentValue(True, "api-token")})

    seen = seen_of_company(made, now, [wanted("domains", "acme.com", ("Bücher.de.",))])

    assert seen
    assert [value.key for value in seen.values] == ["domains", "polar_customer"]


STATED = Intent(ADA, "r1", (wanted("polar_country", "GB", "DE"),))
AGAIN = wanted("polar_country", "FR", "GB", "api-token")


@pytest.mark.parametrize(
    ("later", "earlier", "overlaps", "replaces"),
    [
        (UPDATE, CLEARED, True, True),
        (UPDATE, LINK, False, False),
        (Intent(ADA, "r2", UPDATE.values), UPDATE, False, False),
        (Intent(ADA, "r1", NEW.values), NEW, True, True),
        (Intent(ADA, None, NEW.values[:1]), NEW, True, True),
        (Intent(BOB, None, NEW.values), NEW, False, False),
        (Intent(None, None, NEW.values), NEW, False, False),
        (Intent(ADA, "r1", UPDATE.values, "companies"), UPDATE, False, False),
        (Intent(None, None, NEW_COMPANY.values, "companies"), NEW_COMPANY, True, True),
        (
            Intent(None, None, (wanted("domains", "acme.org"), *NEW_COMPANY.values[1:]), "companies"),
            NEW_COMPANY,
            False,
            False,
        ),
        (Intent(None, "c1", NEW_COMPANY.values, "companies"), NEW_COMPANY, False, False),
        (Intent(ADA, "r1", (AGAIN,)), STATED, True, False),
        (Intent(ADA, "r1", (wanted("polar_country", "FR", "GB", "workspace-member"),)), STATED, True, True),
        (Intent(ADA, "r1", (wanted("polar_country", "GB", "DE", "api-token"),)), STATED, True, True),
        (Intent(ADA, "r1", (wanted("polar_status", "Active"),)), CLEARED, True, False),
        (Intent(ADA, "r1", (wanted("polar_status", None, "Deleted"),)), CLEARED, True, True),
        (
            Intent(ADA, "r1", (wanted("email_addresses", "x@y.com", ("ADA@new.com", "ada@old.com")),)),
            MOVED,
            True,
            False,
        ),
        (Intent(ADA, "r1", (UNMARKED,)), MADE, True, False),
        (Intent(ADA, "r1", (wanted("polar_customer", True),)), MADE, True, False),
        (Intent(ADA, "r1", (wanted("polar_country", "FR", "DE"),)), UPDATE, True, False),
    ],
)
def test_a_write_replaces_an_earlier_one_that_it_repeats_whole_unless_it_has_found_it_carried_out(
    later: Intent, earlier: Intent, overlaps: bool, replaces: bool
) -> None:
    assert (later.overlaps(earlier), later.replaces(earlier)) == (overlaps, replaces)
