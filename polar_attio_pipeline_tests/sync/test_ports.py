"""The errors of the services' side: their text is the CRM's own sentence, which reports repeat."""

import pytest

from polar_attio_pipeline.sync.companies.ports import DomainTakenError
from polar_attio_pipeline.sync.ports import EmailTakenError, RecordRefusedError


@pytest.mark.parametrize("kind", [RecordRefusedError, EmailTakenError, DomainTakenError])
def test_the_text_of_an_error_is_what_the_crm_said(kind: type[Exception]) -> None:
    assert str(kind("An invalid value.")) == "An invalid value."
