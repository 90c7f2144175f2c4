"""How old a look at the CRM may be when something is decided on it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Answer = TypeVar("Answer")

OLD_SECONDS = 10
"""A look at the CRM that is older than this is taken anew before anything is decided on it."""


async def fresh(look: Callable[[], Awaitable[Answer]]) -> tuple[Answer, float]:
    """Look; and once more where it took so long that what was seen first is old by now.

    A look takes minutes where the CRM fails for one of the records; the second one, which knows them, takes seconds.

    Returns:
        What was seen, and when the look began, by the event loop's clock.

    Raises:
        Exception: as the look.
    """
    clock = asyncio.get_running_loop().time
    began = clock()
    seen = await look()
    if clock() - began > OLD_SECONDS:
        began = clock()
        seen = await look()
    return seen, began
