"""What each scope of Polar's token brings to Attio, as the documentation lists it."""

from itertools import groupby

from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline_tests.docs.attributes import Part


def mapping_parts() -> tuple[Part, ...]:
    """Return the table of scopes, and where it stands."""
    return (Part("docs/mapping.md", "<!-- written by make docs -->", "<!-- end -->", f"\n{table()}\n"),)


def table() -> str:
    """Return the attributes of people by the scope that they need, in the order of the mapping."""
    order = list(dict.fromkeys(attribute.scope for attribute in ATTRIBUTES))
    ordered = sorted(ATTRIBUTES, key=lambda attribute: order.index(attribute.scope))
    rows = [
        f"| `{scope}` | {', '.join(f'`{attribute.key}`' for attribute in attributes)} |"
        for scope, attributes in groupby(ordered, key=lambda attribute: attribute.scope)
    ]
    return "\n".join(["| Scope of the token | Attributes of People that it brings |", "| --- | --- |", *rows])
