"""Which requests come from the sandbox's own page, or from no page at all."""

from starlette.requests import Request


def is_of_another_page(request: Request) -> bool:
    """Tell a request that a page of another origin sends from the browser of somebody who has it open beside this one.

    Browsers name the origin of every request that may change something, and a page cannot forge it; a script on this
    machine names none.
    """
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host")
