"""What a client waits for between two attempts, to be shown to people."""

from dataclasses import dataclass

from polar_attio_pipeline.http.errors import ApiError


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait between two attempts.

    Attributes:
        service: Whose.
        answer: What it answered, or how it failed, and to what: "429 to GET /v1/customers/".
        until: When it ends, by the client's clock.
        is_for_all: Whether no other request leaves meanwhile either.
    """

    service: str
    answer: str
    until: float
    is_for_all: bool


class Waits:
    """The waits of one client.

    Attributes:
        longest: The one that ends last, of all so far; None while there was none.
    """

    def __init__(self, service: str) -> None:
        self.longest: Wait | None = None
        self._service = service

    def note(self, error: ApiError, *, until: float, is_for_all: bool) -> None:
        """Take in that a request failed and is sent again, and when."""
        if self.longest is None or self.longest.until <= until:
            answer = f"{error.status or error.code} to {error.request}"
            self.longest = Wait(self._service, answer, until, is_for_all)
