"""Keeps the company that somebody chose for a person, where an address is added: the CRM's automation replaces it."""

from polar_attio_pipeline.sync.intents import Intent
from polar_attio_pipeline.sync.planning import Plan
from polar_attio_pipeline.sync.records import CurrentValue, Person
from polar_attio_pipeline.sync.services import Services
from polar_attio_pipeline.sync.writes import COMPANY_KEY, WrittenValue


async def keep_company(services: Services, done: Plan, person: Person) -> None:
    """Restore the company of a person if the CRM has replaced it; it takes seconds.

    One that the CRM or a pass of the sync has chosen follows the addresses instead.

    Args:
        services: Both sides.
        done: The plan that was carried out.
        person: As the CRM holds the person since.
    """
    before, history = done.match.person, services.history
    if not (done.new_email and before and before.company) or _follows(before.record_id, before.company, services):
        return
    company = str(before.company.value)
    intents: list[Intent] = []

    def intend(replaced: CurrentValue) -> None:
        value = WrittenValue(COMPANY_KEY, replaced.value, replaced.actor, company)
        intents.append(Intent(done.customer.id, person.record_id, (value,)))
        history.intend(intents)

    restored = await services.people.keep_company(person, company, before_write=intend)
    if restored:
        for intent in intents:
            history.settle(intent, *intent.done(person.record_id, [([COMPANY_KEY], restored.execution_id)]))


def _follows(record_id: str, chosen: CurrentValue, services: Services) -> bool:
    """Tell whether the company of a person is one that the CRM or a pass has chosen."""
    if chosen.actor == "system":
        return True
    linked = services.memory.links([record_id]) if chosen.actor == "api-token" else {}
    return linked.get(record_id) == chosen.value
