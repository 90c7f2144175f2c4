"""What the real Polar answered, and what its specification allows, for the sandbox to be held against."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

SHARED = Path(__file__).parents[2].parent / "shared"
_CONTRACT = SHARED / "contracts" / "polar-2026-04.openapi.json"
_CHANGES_WITH_THE_WIRE = {"date", "server", "connection", "content-length", "transfer-encoding", "location"}


@dataclass(frozen=True)
class Recording:
    """One answer of the real server, and the request it answered."""

    method: str
    url: str
    json: Any
    version: str | None
    status: int
    headers: dict[str, str]
    body: Any

    @property
    def lasting_headers(self) -> dict[str, str]:
        """The headers that say something about the API rather than about the connection."""
        return lasting_headers(self.headers)


def lasting_headers(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers that say something about the API rather than about the connection."""
    return {name: value for name, value in headers.items() if name not in _CHANGES_WITH_THE_WIRE}


def recording(name: str) -> Recording:
    """Read a recording, or skip the test where there is none."""
    path = SHARED / "captures" / "polar" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the recording {name} is not here")
    recorded = json.loads(path.read_text())
    request = recorded["request"]
    return Recording(
        method=request["method"],
        url=request["url"],
        json=request["json"],
        version=request["headers"].get("Polar-Version"),
        status=recorded["status"],
        headers=dict(recorded["headers"]),
        body=recorded["body"],
    )


@cache
def _contract() -> Any:
    return json.loads(_CONTRACT.read_text())


def assert_allowed(schema: str, answer: Any) -> None:
    """Fail where Polar's specification does not allow the answer; skip where the specification is not here."""
    if not _CONTRACT.exists():
        pytest.skip("Polar's specification is not here")
    components = _contract()["components"]
    validator = Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": components})
    complaints = [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(answer)]
    assert not complaints


def differences(ours: Any, theirs: Any, at: str = "") -> list[str]:
    """Return where two answers differ in shape: in keys, or in the JSON types of what both have."""
    if ours is None or theirs is None:
        return []
    if _json_type(ours) != _json_type(theirs):
        return [f"{at}: {_json_type(ours)} for {_json_type(theirs)}"]
    if isinstance(theirs, dict) and at.rpartition(".")[2] != "metadata":
        keys = [f"{at}: {key}" for key in sorted(ours.keys() ^ theirs.keys())]
        for key in ours.keys() & theirs.keys():
            keys += differences(ours[key], theirs[key], f"{at}.{key}")
        return keys
    if isinstance(theirs, list) and ours and theirs:
        return differences(ours[0], theirs[0], f"{at}[]")
    return []


def _json_type(value: Any) -> str:
    return "number" if type(value) in (int, float) else type(value).__name__
