"""Faults that stay until the heal: a cell, row, question, search, record or hour that cannot succeed; several at once.

What is bad is bad about one customer, its victim. All others must be as well off as if nothing were wrong.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, Literal
from uuid import NAMESPACE_DNS, UUID, uuid5

from polar_attio_pipeline.hours import HOUR, floor
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.polar.rows import Customer
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline_tests.faults.happenings import Happenings
from polar_attio_pipeline_tests.faults.pipeline import Pipeline
from polar_attio_pipeline_tests.faults.weather import CountedFaults

RECORDS = "/v2/objects/people/records"

_AGAIN = 0.4
"""How often a fault befalls a customer who has one already."""

_GARBAGE = ("call him back", "n/a", "-", "cus_9s6XKzkNRiz8i3", "00000000-0000-0000-0000-00000000000Z", "ÿ" * 400)

_Details = Mapping[str, Any]

_FAILS: tuple[_Details, ...] = (
    {"kind": Kind.STATUS, "status": 500},
    {"kind": Kind.STATUS, "status": 503},
    {"kind": Kind.HANG},
    {"kind": Kind.RESET},
)
_FAILS_IN_POLAR: tuple[_Details, ...] = (
    *_FAILS,
    {"kind": Kind.TOO_MANY, "retry_after": "absent"},
    {"kind": Kind.TOO_MANY, "retry_after": "seconds", "retry_after_seconds": 60},
)
_FAILS_IN_ATTIO: tuple[_Details, ...] = (
    *_FAILS,
    {"kind": Kind.REFUSE, "status": 403, "code": "billing_error"},
    {"kind": Kind.TOO_MANY, "retry_after": "absent"},
    {"kind": Kind.LOST_ANSWER, "lost": "reset"},
)


@dataclass(frozen=True, slots=True)
class Stage:
    """What faults need: the world, the pipeline as far as it is known from outside, and the draw."""

    sandbox: Sandbox
    faults: CountedFaults
    happenings: Happenings
    pipeline: Pipeline
    random: Random


class Lasting:
    """Draws faults that stay, and knows whom they befall.

    Attributes:
        victims: What is bad, by the id of the customer about whom it is.
        injected: How many of each kind there are.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.victims: dict[str, list[str]] = defaultdict(list)
        self.injected: Counter[str] = Counter()

    def draw(self) -> str | None:
        """Let one more thing be bad from now on; return what, None where there is nobody whom it could befall."""
        bring: Callable[[], str | None] = self._stage.random.choices(*_WEIGHTED)[0].__get__(self)
        what = bring()
        self._stage.happenings.remember()
        if what:
            self.injected[f"for good: {what}"] += 1
        return what

    def mend(self) -> None:
        """Make everything good again; rows are mended with those that broke by chance."""
        self._stage.faults.mend()
        self._stage.pipeline.doomed.clear()
        self.victims.clear()

    # In Attio, by a member: the pipeline has to see through it, so it makes nobody a victim.

    def _bad_cell(self) -> str | None:
        """A member types into the id of a person whom the pipeline has brought."""
        row = self._brought()
        if row is None:
            return None
        draw = self._stage.random
        kind = draw.choice(("garbage", "foreign", "spaced", "upper"))
        typed = {
            "garbage": draw.choice(_GARBAGE),
            "foreign": self._foreign_id(),
            "spaced": draw.choice((f"{row.id} ", f" {row.id}", f"\t{row.id}\n")),
            "upper": row.id.upper(),
        }[kind]
        person = self._stage.happenings.person_of(row.id)
        assert person is not None, "it was brought"
        self._stage.sandbox.attio.edit_person(person, {"polar_customer_id": typed})
        if kind == "spaced" and draw.random() < 0.5:
            self._stage.sandbox.polar.update_customer(row.id, email=self._stage.happenings.new_email())
            return "an id typed with white space, and another address"
        return {
            "garbage": "garbage typed as an id",
            "foreign": "a foreign id typed",
            "spaced": "an id typed with white space",
            "upper": "an id typed in capitals",
        }[kind]

    def _bad_cell_before(self) -> str | None:
        """A customer comes whom the team has typed in before, with something in the place of the id."""
        row = self._new_customer()
        person = self._stage.sandbox.attio.add_person(emails=[(row.email or "").lower()], name="Typed By Hand")
        typed = self._stage.random.choice((self._stage.random.choice(_GARBAGE), self._foreign_id()))
        self._stage.sandbox.attio.edit_person(person, {"polar_customer_id": typed})
        return "a typed id, before the customer came"

    # In Polar.

    def _bad_row(self) -> str | None:
        happenings = self._stage.happenings
        row = self._victim(lambda row: row.type == "individual" and row.email is not None)
        if row is None:
            return None
        happenings.broken[row.id] = row.email
        self._stage.sandbox.polar.break_customer(row.id)
        return self._befell(row, "a row that Polar cannot serialise")

    def _no_owner(self) -> str | None:
        """Polar cannot show the members of a team."""
        polar, happenings = self._stage.sandbox.polar, self._stage.happenings
        team = polar.add_customer(email=None, name="Acme", type="team")
        polar.add_member(team.id, email=happenings.new_email(), name="Owen Owner")
        happenings.touch(team.id)
        self._fail("polar", _FAILS_IN_POLAR, path="/v1/members/", contains=team.id)
        return self._befell(team, "no answer about a team's members")

    def _no_existence(self) -> str | None:
        """Polar cannot say whether there is the customer whose id somebody holds who has a new customer's address."""
        held = self._stage.sandbox.polar.new_id()
        row = self._new_customer()
        person = self._stage.sandbox.attio.add_person(emails=[(row.email or "").lower()], name="Typed By Hand")
        self._stage.sandbox.attio.edit_person(person, {"polar_customer_id": held})
        self._fail("polar", _FAILS_IN_POLAR, contains=held)
        return self._befell(row, "no answer about a contested id")

    # Requests to Attio.

    def _no_search(self) -> str | None:
        row = self._victim(lambda row: row.email is not None)
        if row is None:
            return None
        key = self._stage.random.choice((row.id, (row.email or "").lower()))
        self._fail("attio", _FAILS, method="POST", path=f"{RECORDS}/query", contains=f'"{key}"')
        return self._befell(row, "a search that always fails")

    def _no_creation(self) -> str | None:
        row = self._new_customer()
        self._fail("attio", _FAILS_IN_ATTIO, method="POST", path=RECORDS, contains=f'"{row.email}"')
        return self._befell(row, "a creation that always fails")

    def _no_update(self) -> str | None:
        row = self._brought()
        if row is None:
            return None
        person = self._stage.happenings.person_of(row.id)
        self._fail("attio", _FAILS_IN_ATTIO, method="PATCH", path=f"{RECORDS}/{person}")
        self._stage.sandbox.polar.update_customer(row.id, name=f"Changed {self._stage.random.randrange(10**6)}")
        return self._befell(row, "an update that always fails")

    # Runs.

    def _deadly_hour(self) -> str | None:
        """An hour at which the process of each run dies, as for want of memory."""
        moment = self._stage.sandbox.clock() - self._stage.random.choice((0, 0, 1, 3)) * HOUR
        self._stage.pipeline.doomed.add(floor(moment))
        return "an hour whose runs die"

    def _fail(self, service: Literal["polar", "attio"], how: tuple[_Details, ...], **where: str) -> None:
        details = self._stage.random.choice(how)
        self._stage.faults.add_lasting(Fault.model_validate({"service": service, **where, **details}))

    def _befell(self, row: Customer, what: str) -> str:
        self.victims[row.id].append(what)
        return what

    def _victim(self, fits: Callable[[Customer], bool]) -> Customer | None:
        """Return a customer who fits: one to whom something else has happened already, or another one."""
        polar, happenings = self._stage.sandbox.polar, self._stage.happenings
        known = [polar.customers[one] for one in self.victims if one in polar.customers]
        known = [row for row in known if row.id not in happenings.broken and fits(row)]
        if known and self._stage.random.random() < _AGAIN:
            return self._stage.random.choice(known)
        return happenings.untouched(fits)

    def _brought(self) -> Customer | None:
        """Return a customer whose person is in Attio, by the ledger and by its address too."""
        people = {person.values.get("polar_customer_id"): person for person in self._stage.sandbox.attio.people()}
        recorded = self._stage.pipeline.recorded(self._stage.sandbox.polar.customers)

        def fits(row: Customer) -> bool:
            person = people.get(row.id)
            return bool(person and row.email and row.email.lower() in person.emails and row.id in recorded)

        return self._victim(fits)

    def _new_customer(self) -> Customer:
        happenings = self._stage.happenings
        row = self._stage.sandbox.polar.add_customer(email=happenings.new_email(), name="Newly Come")
        happenings.touch(row.id)
        return row

    def _foreign_id(self) -> str:
        """Return an id that is none of Polar's: UUIDs of versions 1, 5 and 7, and one of version 4."""
        bits = self._stage.random.getrandbits(128)
        version = self._stage.random.choice((1, 4, 5, 7))
        if version == 5:  # made of a name, as RFC 9562 says
            return str(uuid5(NAMESPACE_DNS, str(bits)))
        text = str(UUID(int=bits, version=4))
        return f"{text[:14]}{version}{text[15:]}"


_WEIGHTS: dict[Callable[[Lasting], str | None], int] = {
    Lasting._bad_cell: 4,
    Lasting._bad_cell_before: 2,
    Lasting._bad_row: 3,
    Lasting._no_owner: 3,
    Lasting._no_existence: 3,
    Lasting._no_search: 3,
    Lasting._no_creation: 3,
    Lasting._no_update: 3,
    Lasting._deadly_hour: 2,
}
_WEIGHTED = (list(_WEIGHTS), list(_WEIGHTS.values()))
