from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polar_attio_pipeline.polar.ids import canonical_id

ID = "0e5d92b8-61c4-4f7a-b3e9-84a7c06d1f25"


@given(st.uuids(version=4))
def test_every_uuid_of_version_4_is_an_id_whatever_its_case(one: UUID) -> None:
    assert canonical_id(str(one)) == canonical_id(str(one).upper()) == str(one)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c1",
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        str(UUID(int=7)),
        f"{ID} ",
        f" {ID}",
        f"{ID}\n",
        f"{{{ID}}}",
        f"urn:uuid:{ID}",
        ID.replace("-", ""),
        "0e5d92b8-61c4-4f7a-c3e9-84a7c06d1f25",
        "0e5d92b8-61c4-4f7a-b3e9-84a7c06d1f2\u0665",
    ],
)
def test_everything_else_is_none(text: str) -> None:
    assert canonical_id(text) is None
