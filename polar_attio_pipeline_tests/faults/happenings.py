"""What customers, the team and Attio itself do while the pipeline runs: none of it makes a customer ambiguous.

Ambiguity is a human's to resolve and has tests of its own; here every customer that can be written must be.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any

from polar_attio_pipeline.sandbox.polar.churn import Churn
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.world import Sandbox

_TYPED: tuple[Mapping[str, Any], ...] = (
    {"name": {"first_name": "Countess", "last_name": "Ada", "full_name": "Countess Ada"}},
    {"polar_country": "XX"},
    {"polar_external_id": "typed by hand"},
    {"polar_customer_since": "2020-01-01T00:00:00Z"},
    {"polar_customer_url": "https://example.com/typed"},
    {"polar_customer_type": "a friend"},
    {"job_title": "Mathematician"},
    {"description": "Met at a fair"},
    {"phone_numbers": ["+15551234567"]},
    {"polar_customer": False},
)
_ENRICHED = _TYPED[:2] + _TYPED[6:8]
_CLEARED = ("name", "polar_country", "polar_customer_url", "polar_customer", "job_title")


class Happenings:
    """Draws what happens, and remembers every row that Polar ever held.

    Attributes:
        said: Every state of every customer, by id, oldest first.
        broken: Addresses of customers that Polar cannot serialise at the moment, by id.
    """

    def __init__(self, sandbox: Sandbox, random: Random) -> None:
        self._polar, self._attio, self._churn = sandbox.polar, sandbox.attio, sandbox.churn
        self._random = random
        self._count = 0
        self._identity_touched: set[str] = set()
        self.merged: set[str] = set()
        self.said: dict[str, list[Customer]] = {}
        self.broken: dict[str, str | None] = {}

    def happen(self) -> None:
        """Let one thing happen, if it can."""
        # Whoever has committed since the last look may be about to change.
        self._polar.settle()
        self.remember()
        event: Callable[[], None] = self._random.choices(*_WEIGHTED)[0].__get__(self)
        event()
        self.remember()

    def churn(self) -> None:
        """Have rows come and go between the pages of a list."""
        draw = self._random
        churn = Churn(
            action=draw.choice(("insert", "delete")),
            which=draw.choice(("read", "unread")),
            count=draw.randint(1, 3),
            moment=draw.choice(("before", "between_count_and_page")),
            from_page=draw.choice((1, 2)),
            age_seconds=draw.choice((0, 60, 5000)),
            times=draw.randint(1, 3),
        )
        self._churn.active.append(churn)

    def remember(self) -> None:
        """Take down every row that is new or has changed."""
        for row in [*self._polar.customers.values(), *self._polar.deleted.values()]:
            known = self.said.setdefault(row.id, [])
            if not known or known[-1] is not row:
                known.append(row)

    def mend(self) -> None:
        """Make every row serialisable again."""
        for customer_id, email in self.broken.items():
            if customer_id in self._polar.customers:
                self._polar.update_customer(customer_id, email=email)
        self.broken.clear()
        self.remember()

    def touch(self, customer_id: str) -> None:
        """Let nothing more happen to a customer that bears on who it is."""
        self._identity_touched.add(customer_id)

    def person_of(self, customer_id: str) -> str | None:
        """Return the record of the person that holds a customer's id."""
        people = {person.values.get("polar_customer_id"): person.id for person in self._attio.people()}
        return people.get(customer_id)

    # In Polar.

    def _customer_comes(self) -> None:
        self._polar.add_customer(email=self.new_email(), **self._extras())

    def _customer_commits_late(self) -> None:
        late = timedelta(minutes=self._random.choice((1, 10, 50, 90, 300)))
        self._polar.add_customer(email=self.new_email(), visible_in=late, **self._extras())

    def _many_come_at_once(self) -> None:
        moment = self._polar.clock().replace(microsecond=0)
        for _ in range(self._random.randint(2, 8)):
            self._polar.add_customer(email=self.new_email(), created_at=moment, **self._extras())

    def _team_comes(self) -> None:
        team = self._polar.add_customer(email=None, name="Acme", type="team")
        if self._random.random() < 0.8:
            self._polar.add_member(team.id, email=self.new_email(), name="Owen Owner")

    def _known_person_comes(self) -> None:
        """Somebody whom the team has typed into its CRM buys."""
        email = self.new_email()
        self._attio.add_person(emails=[email.lower()], name="Typed By Hand", values={"job_title": "Prospect"})
        self._polar.add_customer(email=email, **self._extras())

    def _customer_changes(self) -> None:
        row = self._somebody()
        if row:
            changes = self._extras()
            changes["external_id"] = row.external_id or changes["external_id"]
            self._polar.update_customer(row.id, **changes)

    def _email_changes(self) -> None:
        row = self.untouched(lambda row: row.email is not None)
        if row:
            self._polar.update_customer(row.id, email=self.new_email())

    def _customer_goes(self) -> None:
        row = self.untouched(lambda _: True)
        if row:
            self._polar.delete_customer(row.id)
            if row.email and self._random.random() < 0.5:
                self._polar.add_customer(email=row.email, name=row.name)

    def _row_breaks(self) -> None:
        row = self.untouched(lambda row: row.type == "individual" and row.email is not None)
        if row:
            self.broken[row.id] = row.email
            self._polar.break_customer(row.id)

    # In Attio.

    def _member_types(self) -> None:
        self._edit(self._random.choice(_TYPED))

    def _attio_enriches(self) -> None:
        self._edit(self._random.choice(_ENRICHED), actor="system")

    def _member_clears(self) -> None:
        record_id = self._somebodys_person()
        if record_id:
            self._attio.clear_value(record_id, self._random.choice(_CLEARED))

    def _id_is_cleared(self) -> None:
        found = self._untouched_person()
        if found:
            self._attio.clear_value(found, "polar_customer_id")

    def _address_is_replaced(self) -> None:
        found = self._untouched_person()
        if found:
            self._attio.edit_person(found, {"email_addresses": [self.new_email()]})

    def _address_is_added(self) -> None:
        record_id = self._somebodys_person()
        if record_id:
            held = list(self._attio.person(record_id).emails)
            self._attio.edit_person(record_id, {"email_addresses": [*held, self.new_email()]})

    def _person_is_deleted(self) -> None:
        found = self._untouched_person()
        if found:
            self._attio.delete(found)

    def _person_is_merged(self) -> None:
        found = self._untouched_person()
        if found:
            other = self._attio.add_person(emails=[self.new_email()], name="The Same Again")
            self.merged.add(self._attio.merge(*self._random.sample([found, other], 2)))

    # Whom it befalls.

    def new_email(self) -> str:
        """Return an address that nobody has."""
        self._count += 1
        local = self._random.choice(("ada.{}", "Bob.{}", "cyd+polar{}", "DAN{}"))
        domain = self._random.choice(("example.com", "gmail.com", "acme.example.org"))
        return f"{local.format(f'{self._count}')}.new@{domain}"

    def _extras(self) -> Any:
        draw = self._random.random
        return {
            "name": self._random.choice((None, "Ada Lovelace", "Bob", "Acme, Inc.", "山田 太郎", f"N. {self._count}")),
            "external_id": f"new_{self._count}_{self._random.randrange(10**6)}" if draw() < 0.4 else None,
            "billing_address": {"country": self._random.choice(("GB", "FR", "JP"))} if draw() < 0.4 else None,
        }

    def _somebody(self) -> Customer | None:
        rows = [row for row in self._polar.customers.values() if row.id not in self.broken]
        return self._random.choice(rows) if rows else None

    def untouched(self, fits: Callable[[Customer], bool]) -> Customer | None:
        """Return somebody by whom nothing happened yet that bears on who is who: twice over, nobody could tell."""
        rows = [row for row in self._polar.customers.values() if row.id not in self._identity_touched and fits(row)]
        row = self._random.choice(rows) if rows else None
        if row:
            self._identity_touched.add(row.id)
        return row

    def _untouched_person(self) -> str | None:
        people = {person.values.get("polar_customer_id"): person.id for person in self._attio.people()}
        row = self.untouched(lambda row: row.id in people)
        return people[row.id] if row else None

    def _somebodys_person(self) -> str | None:
        people = self._attio.people()
        return self._random.choice(people).id if people else None

    def _edit(self, values: Mapping[str, Any], **by: Any) -> None:
        record_id = self._somebodys_person()
        if record_id:
            self._attio.edit_person(record_id, values, **by)


_WEIGHTS: dict[Callable[[Happenings], None], int] = {
    Happenings._customer_comes: 8,
    Happenings._customer_commits_late: 4,
    Happenings._many_come_at_once: 2,
    Happenings._team_comes: 2,
    Happenings._known_person_comes: 3,
    Happenings._customer_changes: 5,
    Happenings._email_changes: 3,
    Happenings._customer_goes: 3,
    Happenings._row_breaks: 1,
    Happenings._member_types: 6,
    Happenings._attio_enriches: 2,
    Happenings._member_clears: 2,
    Happenings._id_is_cleared: 1,
    Happenings._address_is_replaced: 1,
    Happenings._address_is_added: 1,
    Happenings._person_is_deleted: 1,
    Happenings._person_is_merged: 1,
}
_WEIGHTED = (list(_WEIGHTS), list(_WEIGHTS.values()))
