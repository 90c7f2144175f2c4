from uuid import UUID, uuid1, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.polar.ids import canonical_id


@given(st.uuids(version=4))
def test_every_uuid_of_version_4_is_an_id_whatever_its_case(one: UUID) -> None:
    assert canonical_id(str(one)) == canonical_id(str(one).upper()) == str(one)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c1",
        str(uuid1()),
        str(UUID(int=7)),
        f"{uuid4()} ",
        f" {uuid4()}",
        f"{uuid4()}\n",
        f"{{{uuid4()}}}",
        f"urn:uuid:{uuid4()}",
        uuid4().hex,
        "0b1c77ca-9b81-47ba-cd2e-490c74901031",
        "0b1c77ca-9b81-47ba-8d2e-490c7490103\u0661",
    ],
)
def test_everything_else_is_none(text: str) -> None:
    assert canonical_id(text) is None
