import pytest
from pydantic import SecretStr

from polar_attio_pipeline.attio.errors import ConfigurationError
from polar_attio_pipeline.defs.resources import AttioResource
from polar_attio_pipeline.sandbox.attio.world import AttioWorld
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN
from polar_attio_pipeline_tests.attio.conftest import SLUGS, Wire


def resource(wire: Wire) -> AttioResource:
    return AttioResource(
        api_key=SecretStr(ATTIO_TOKEN), reads_per_second=1000, writes_per_second=1000, slugs=SLUGS
    ).over(transport=wire)


async def test_the_resource_yields_a_client_that_knows_the_workspace(mapped: AttioWorld, wire: Wire) -> None:
    async with resource(wire).client() as client:
        assert {target.attribute.key for target in client.targets} == set(SLUGS)
        assert (await client.find(ids=["x"], emails=[])).people == []


async def test_a_workspace_that_is_not_set_up_stops_before_anything_is_written(attio: AttioWorld, wire: Wire) -> None:
    with pytest.raises(ConfigurationError, match="run `polar-attio setup`"):
        async with resource(wire).client():
            pass

    assert {request.method for request in wire.requests} == {"GET"}


def test_the_key_is_in_no_representation_of_the_resource(wire: Wire) -> None:
    assert ATTIO_TOKEN not in repr(resource(wire))
