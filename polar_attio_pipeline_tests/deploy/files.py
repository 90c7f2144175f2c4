"""Reads the files in deploy/, each in its own notation."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
DEPLOY = REPOSITORY / "deploy"
SYSTEMD = DEPLOY / "systemd"
COMPOSE = DEPLOY / "compose"
KUBERNETES = DEPLOY / "kubernetes"
DAGSTER_PLUS = DEPLOY / "dagster-plus"
DOCKERFILE = DEPLOY / "docker" / "Dockerfile"
PAGES = REPOSITORY / "docs" / "deploy"

SERVICES = tuple(sorted(SYSTEMD.glob("*.service")))


def everything() -> list[Path]:
    """Every file in deploy/ that git knows or will know; not what a person put beside them."""
    return sorted(path for path in DEPLOY.rglob("*") if path.is_file() and "secrets" not in path.parts)


def of_yaml(path: Path) -> Any:
    """A file of YAML, as values."""
    return yaml.safe_load(path.read_text())


def unit(path: Path) -> dict[str, list[str]]:
    """A unit of systemd: each directive with its values in their order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith(("#", "[")):
            found.setdefault(name, []).append(value)
    return found


def assignments(text: str) -> dict[str, str]:
    """The lines NAME=value of a text."""
    return dict(re.findall(r"^([A-Z][A-Z0-9_]*)=(.*)$", text, re.MULTILINE))


def variables() -> Iterator[tuple[Path, str, str]]:
    """Each variable of the environment that a file sets: where, its name, its value."""
    for path in SERVICES:
        for setting in unit(path).get("Environment", []):
            name, _, value = setting.partition("=")
            yield path, name, value
    for path in (SYSTEMD / "settings.env", COMPOSE / "settings.env"):
        yield from ((path, name, value) for name, value in assignments(path.read_text()).items())
    for name, service in compose("compose.yaml")["services"].items():
        for variable, value in service.get("environment", {}).items():
            yield COMPOSE / "compose.yaml" / name, variable, value
    for deployment in of_yaml(KUBERNETES / "values.yaml")["dagster-user-deployments"]["deployments"]:
        yield from ((KUBERNETES / "values.yaml", one["name"], one["value"]) for one in deployment["env"])
    (location,) = of_yaml(DAGSTER_PLUS / "dagster_cloud.yaml")["locations"]
    for context in location["container_context"].values():
        for setting in context["env_vars"]:
            name, _, value = setting.partition("=")
            yield DAGSTER_PLUS / "dagster_cloud.yaml", name, value


def compose(name: str) -> Any:
    """A file of Docker Compose."""
    return of_yaml(COMPOSE / name)


def started() -> Iterator[tuple[Path, list[str]]]:
    """Each command that a file starts, as words."""
    for path in SERVICES:
        for directive in ("ExecStartPre", "ExecStart", "ExecStartPost"):
            yield from ((path, shlex.split(line)) for line in unit(path).get(directive, []))
    for name, service in compose("compose.yaml")["services"].items():
        if "command" in service:
            yield COMPOSE / name, service["command"]
        if "healthcheck" in service:
            yield COMPOSE / name, service["healthcheck"]["test"][1:]
    deployment = of_yaml(KUBERNETES / "values.yaml")["dagster-user-deployments"]["deployments"][0]
    # As the chart's template of the deployment begins it.
    yield KUBERNETES / "values.yaml", ["dagster", "code-server", "start", *deployment["codeServerArgs"]]
    for page in sorted(PAGES.glob("*.md")):
        for words in re.findall(r"(?<![\w/.-])polar-attio ((?:[a-z]+)(?: --?\w[\w-]*)*)", page.read_text()):
            yield page, ["polar-attio", *words.split()]
