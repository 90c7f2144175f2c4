"""Routes of requests: their paths without ids, so that they are few, and none names a record."""

_KNOWN = frozenset(
    {
        "v1",
        "v2",
        "attributes",
        "companies",
        "customers",
        "events",
        "export",
        "members",
        "objects",
        "options",
        "orders",
        "organizations",
        "people",
        "query",
        "records",
        "self",
        "subscriptions",
    }
)
"""The words of Polar's and Attio's paths. Whatever else stands in one is an id, or the slug of an attribute."""


def route(path: str) -> str:
    """Return a path with `{id}` for everything that is no word of the services' own."""
    return "/".join(part if not part or part in _KNOWN else "{id}" for part in path.split("/"))
