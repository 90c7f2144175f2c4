"""Where people open a customer in Polar's dashboard."""

from urllib.parse import urlsplit


def customer_url(customer_id: str, *, api_url: str, slug: str | None) -> str:
    """Return the customer's page.

    Without the organization's slug the link goes to the organization that the viewer opened last, which is right for
    people who have only one (Polar's web client).

    Args:
        customer_id: Polar's id.
        api_url: Tells Polar's sandbox from production.
        slug: The organization's, where it is known.
    """
    host = "sandbox.polar.sh" if (urlsplit(api_url).hostname or "").startswith("sandbox-api.") else "polar.sh"
    home = f"https://{host}/dashboard/{slug}" if slug else f"https://{host}/to/dashboard"
    return f"{home}/customers/{customer_id}"
