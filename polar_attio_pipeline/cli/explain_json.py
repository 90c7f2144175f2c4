"""An explanation of a customer as one JSON document. Pure."""

from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from polar_attio_pipeline.hours import key
from polar_attio_pipeline.passes.explain import Explained, Explanation, NextPass
from polar_attio_pipeline.passes.preview import Preview
from polar_attio_pipeline.passes.preview_rows import rows, show
from polar_attio_pipeline.sync.matching import DESCRIPTIONS, person_id
from polar_attio_pipeline.sync.records import Person


def document(found: Explanation) -> dict[str, Any]:
    """Return everything that is known, in values that JSON has."""
    return {
        "typed": found.typed.text,
        "read_at": found.read_at.isoformat(),
        "problems": list(found.problems),
        "customers": [_customer(one, found.next_pass) for one in found.customers],
        "people": [_person(person) for person in found.people],
    }


def _customer(one: Explained, upcoming: NextPass) -> dict[str, Any]:
    held = one.customer
    return {
        "id": one.customer_id,
        "url": one.url,
        "in_polar": one.in_polar,
        "hour": key(one.created_at) if one.created_at else None,
        "polar": _plain(
            {"email": held.address, "name": held.name, "type": held.type, "created_at": held.created_at}
            if held
            else None
        ),
        "billing": _plain(asdict(held.billing)) if held and held.billing else None,
        "subscriptions": None if one.subscriptions is None else [_plain(asdict(each)) for each in one.subscriptions],
        "match": _match(one),
        "next_pass": {
            "action": one.plan.action.value if one.plan else None,
            "fields": list(rows(Preview([one.plan], [], 0, currencies=upcoming.currencies))) if one.plan else [],
            "not_in_workspace": list(upcoming.lacking),
            "outcome": _plain(asdict(one.outcome)) if one.outcome else None,
        },
        "skipped": _plain(asdict(one.on_record.skipped)) if one.on_record.skipped else None,
        "deleted_since": _plain(one.on_record.deleted_since),
        "on_record": _plain(asdict(one.on_record.outcome)) if one.on_record.outcome else None,
        "changes": [
            _plain({**asdict(change), "old_value": _shown(change.old_value), "new_value": _shown(change.new_value)})
            for change in one.on_record.changes
        ],
        "passes": [_plain(asdict(row)) for row in one.on_record.passes.values()],
    }


def _match(one: Explained) -> dict[str, Any] | None:
    if one.plan is None:
        return None
    case = one.plan.match.case
    return {"case": case.value, "when": DESCRIPTIONS[case][0], "follows": DESCRIPTIONS[case][1]} | {
        "people": [person.url for person in one.plan.match.involved]
    }


def _person(person: Person) -> dict[str, Any]:
    return {"id": person.record_id, "url": person.url, "emails": list(person.emails), "polar_id": person_id(person)}


def _shown(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else show(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
