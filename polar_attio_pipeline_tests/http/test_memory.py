"""What is kept of an answer: nothing, once it is dropped."""

import gc
import weakref

from polar_attio_pipeline_tests.http.fakes import PATH, FakeClock, Server, client, ok


async def test_an_answer_is_freed_when_it_is_dropped_and_waits_for_no_search_for_garbage() -> None:
    clock = FakeClock()
    gc.disable()
    try:
        async with client(Server(clock, ok), clock) as api:
            answer = await api.request("GET", PATH, limiter="all")
            response = weakref.ref(answer.response)
            del answer
            assert response() is None
    finally:
        gc.enable()
