"""A bad token, a throttled service, a lost attribute: each is a check that says so within minutes, without a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import time_machine

from polar_attio_pipeline.defs.checks import attio_check, build_service_checks, polar_check
from polar_attio_pipeline.defs.dagster_private import newest_evaluation
from polar_attio_pipeline.defs.names import Names
from polar_attio_pipeline.defs.services import ATTRIBUTES_WRITTEN
from polar_attio_pipeline.sandbox.faults import Fault, Kind
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sync.attributes import ATTRIBUTES
from polar_attio_pipeline_tests.conftest import Pipeline

ALL = len(ATTRIBUTES)
POLAR, ATTIO = polar_check(Names()), attio_check(Names())


def tick(pipeline: Pipeline) -> dict[dg.AssetCheckKey, dg.AssetCheckEvaluation]:
    """What a tick reports, by check; it is put on record, as Dagster's daemon does."""
    both = {name: (pipeline.defs.resources or {})[name] for name in ("polar", "attio")}
    with dg.build_sensor_context(instance=pipeline.instance, resources=both, definitions=pipeline.defs) as context:
        found = pipeline.defs.resolve_sensor_def("service_checks").evaluate_tick(context)
    assert not found.run_requests
    assert found.skip_message
    events = [event for event in found.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    for event in events:
        pipeline.instance.report_runless_asset_event(event)
    return {event.asset_check_key: event for event in events}


def test_both_services_are_well_and_the_first_tick_says_so_once(pipeline: Pipeline) -> None:
    reported = tick(pipeline)

    assert {check: event.passed for check, event in reported.items()} == {POLAR: True, ATTIO: True}
    assert reported[POLAR].description == "Polar answers, and the token may read customers."
    assert reported[ATTIO].description == f"Attio answers, and {ALL} of {ALL} attributes are written."
    assert tick(pipeline) == {}


def test_a_verdict_that_lasts_is_repeated_every_hour(pipeline: Pipeline) -> None:
    tick(pipeline)

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        assert set(tick(pipeline)) == {POLAR, ATTIO}


def test_a_token_that_polar_takes_no_more_is_an_error_that_says_what_to_do_until_it_is_mended(
    pipeline: Pipeline,
) -> None:
    tick(pipeline)
    pipeline.sandbox.polar.tokens[POLAR_TOKEN].active = False

    reported = tick(pipeline)

    assert set(reported) == {POLAR}
    assert not reported[POLAR].passed
    assert reported[POLAR].severity is dg.AssetCheckSeverity.ERROR
    assert "POLAR_ACCESS_TOKEN" in (reported[POLAR].description or "")

    pipeline.sandbox.polar.tokens[POLAR_TOKEN].active = True
    assert tick(pipeline)[POLAR].passed


def test_a_key_that_attio_takes_no_more_is_an_error(pipeline: Pipeline) -> None:
    pipeline.sandbox.attio.tokens[ATTIO_TOKEN].active = False

    reported = tick(pipeline)[ATTIO]

    assert (reported.passed, reported.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "ATTIO_API_KEY" in (reported.description or "")


@pytest.mark.parametrize("service", ["polar", "attio"])
def test_a_service_that_throttles_is_a_warning_in_its_own_words_and_waits_for_nothing(
    pipeline: Pipeline, service: str
) -> None:
    check = {"polar": POLAR, "attio": ATTIO}[service]
    pipeline.sandbox.faults.add(Fault(kind=Kind.TOO_MANY, service=service))

    reported = tick(pipeline)[check]

    assert (reported.passed, reported.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "throttling" in (reported.description or "")
    assert reported.metadata["answers"].value == 0


@contextmanager
def archived(pipeline: Pipeline, slug: str) -> Iterator[None]:
    definition = pipeline.sandbox.attio.object_type("people").attribute(slug)
    definition.is_archived = True
    yield
    definition.is_archived = False


def test_an_archived_attribute_is_an_error_where_no_run_can_do_without_it_and_a_warning_elsewhere(
    pipeline: Pipeline,
) -> None:
    with archived(pipeline, "polar_customer_id"):
        required = tick(pipeline)[ATTIO]
    with archived(pipeline, "polar_country"):
        optional = tick(pipeline)[ATTIO]

    assert (required.passed, required.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert "polar_customer_id is archived" in (required.description or "")
    assert (optional.passed, optional.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "polar_country is archived" in (optional.description or "")


def test_an_attribute_that_was_written_and_is_missing_is_named_until_a_person_accepts_that(pipeline: Pipeline) -> None:
    tick(pipeline)
    pipeline.configure(attio_slug={"polar_country": "polar_country"})
    renamed = pipeline.sandbox.attio.object_type("people").attribute("polar_country")
    renamed.slug = "land"

    reported = tick(pipeline)[ATTIO]

    assert (reported.passed, reported.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert "polar_country was there and is not any more" in (reported.description or "")
    assert "ATTIO_SLUG__POLAR_COUNTRY" in (reported.description or "")
    assert tick(pipeline) == {}

    accepted = by_hand(pipeline)
    assert accepted.passed
    pipeline.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=ATTIO.asset_key, check_name=ATTIO.name, passed=True, metadata=accepted.metadata
        )
    )
    assert tick(pipeline)[ATTIO].passed


def test_an_attribute_that_this_version_does_not_know_any_more_is_not_missed(pipeline: Pipeline) -> None:
    pipeline.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=ATTIO.asset_key,
            check_name=ATTIO.name,
            passed=False,
            metadata={ATTRIBUTES_WRITTEN: dg.JsonMetadataValue(["polar_shoe_size"])},
        )
    )

    assert tick(pipeline)[ATTIO].passed


def test_what_was_written_is_not_forgotten_while_attio_cannot_be_asked(pipeline: Pipeline) -> None:
    tick(pipeline)
    fault = pipeline.sandbox.faults.add(Fault(kind=Kind.STATUS, service="attio"))
    tick(pipeline)
    pipeline.sandbox.faults.remove(fault)

    newest = newest_evaluation(pipeline.instance, ATTIO)
    assert newest is not None
    assert len(newest[1].metadata[ATTRIBUTES_WRITTEN].value) == ALL  # type: ignore[arg-type]  # a list


def by_hand(pipeline: Pipeline) -> dg.AssetCheckResult:
    """What the check says that a person executes."""
    check = build_service_checks(Names())[1]
    attio = dg.ResourceDefinition.hardcoded_resource((pipeline.defs.resources or {})["attio"])
    result = check(dg.build_asset_check_context(resources={"attio": attio}))
    assert isinstance(result, dg.AssetCheckResult)
    return result
