"""The columns that the catalogue shows are those that are there."""

from polar_attio_pipeline.defs.frames import COLUMNS
from polar_attio_pipeline.defs.schemas import POLAR_CUSTOMERS, attio_people
from polar_attio_pipeline.sync.attributes import ATTRIBUTES


def test_the_columns_of_polar_customers_are_those_of_its_data_frame() -> None:
    assert [column.name for column in POLAR_CUSTOMERS.columns] == list(COLUMNS)


def test_the_columns_of_attio_people_are_the_attributes_that_the_sync_writes() -> None:
    assert [column.name for column in attio_people(ATTRIBUTES).columns] == [attribute.key for attribute in ATTRIBUTES]
    required = [column.name for column in attio_people(ATTRIBUTES).columns if not column.constraints.nullable]
    assert required == ["polar_customer", "polar_customer_id"]
