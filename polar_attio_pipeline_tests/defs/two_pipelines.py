"""Two organizations with a workspace each, for tests of two pipelines side by side."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import SecretStr

from polar_attio_pipeline.sandbox.limits import OFF
from polar_attio_pipeline.sandbox.server import serving
from polar_attio_pipeline.sandbox.tokens import ATTIO_TOKEN, POLAR_TOKEN
from polar_attio_pipeline.sandbox.world import Sandbox
from polar_attio_pipeline.settings import Settings
from polar_attio_pipeline_tests.conftest import set_up


@dataclass(frozen=True)
class Organization:
    """One organization, and the workspace that knows its customers: neither takes the tokens of another one.

    Attributes:
        name: Its name, and the prefix of its pipeline.
        here: An hour that has ended, in which it got its customer.
    """

    name: str
    sandbox: Sandbox
    url: str
    database: Path
    here: datetime

    @property
    def polar_token(self) -> str:
        (token,) = self.sandbox.polar.tokens
        return token

    @property
    def attio_key(self) -> str:
        (key,) = self.sandbox.attio.tokens
        return key

    def settings(self, **others: str) -> Settings:
        return Settings(
            _env_file=None,
            polar_access_token=SecretStr(self.polar_token),
            attio_api_key=SecretStr(self.attio_key),
            polar_api_url=self.url,
            attio_api_url=self.url,
            polar_requests_per_minute=1e6,
            attio_reads_per_second=1e5,
            attio_writes_per_second=1e5,
            polar_attio_start_date=self.here.date(),
            polar_attio_database_url=SecretStr(str(self.database)),
            polar_attio_alert_urls=SecretStr(others.get("alert_urls", "")),
        )

    def environment(self) -> Mapping[str, str]:
        """The settings as environment variables behind the organization's name."""
        settings = {
            "POLAR_ACCESS_TOKEN": self.polar_token,
            "ATTIO_API_KEY": self.attio_key,
            "POLAR_API_URL": self.url,
            "ATTIO_API_URL": self.url,
            "POLAR_ATTIO_START_DATE": self.here.date().isoformat(),
            "POLAR_ATTIO_DATABASE_URL": str(self.database),
        }
        return {f"{self.name.upper()}_{name}": value for name, value in settings.items()}

    def emails(self) -> set[str]:
        """The addresses of everybody in Attio."""
        return {email for person in self.sandbox.attio.people() for email in person.emails}


@contextmanager
def organization(name: str, folder: Path, here: datetime) -> Iterator[Organization]:
    """Yield an organization with one customer, ada@NAME.example.com, who is not in Attio yet."""
    sandbox = Sandbox(scale=OFF)
    set_up(sandbox)
    sandbox.polar.tokens[f"{POLAR_TOKEN[:-8]}{name:z<8}"] = sandbox.polar.tokens.pop(POLAR_TOKEN)
    own_key = f"{name.encode().hex():0<64}"
    sandbox.attio.tokens[own_key] = sandbox.attio.tokens.pop(ATTIO_TOKEN)
    sandbox.polar.add_customer(email=f"ada@{name}.example.com", name="Ada", created_at=here + timedelta(minutes=30))
    with serving(sandbox) as url:
        yield Organization(name, sandbox, url, folder / f"{name}.db", here)


def some_hours_ago() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
