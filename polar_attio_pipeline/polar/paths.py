"""The paths of Polar's API that are used, and the one rate limiter that they share."""

CUSTOMERS = "/v1/customers/"
EXPORT = "/v1/customers/export"
MEMBERS = "/v1/members/"
ORGANIZATIONS = "/v1/organizations/"
SUBSCRIPTIONS = "/v1/subscriptions/"
ORDERS = "/v1/orders/"
EVENTS = "/v1/events/"

BEYOND_THE_END = 1_000_000
"""A page that holds no row, so that no row can spoil it, and yet the count of all (Polar's server)."""

LIMITER = "requests"
