"""Progress: it grows, is rate-limited, delays nobody, and ends with its call."""

import anyio
import pytest

from server.runtime.progress import has_listener, report, with_progress

pytestmark = pytest.mark.anyio

Sent = list[tuple[float, float | None, str]]


async def sent_of(*reports: tuple[str, int | None, int | None]) -> Sent:
    """What a caller receives if each report is sent before the next one."""
    sent: Sent = []

    async def send(done: float, total: float | None, message: str) -> None:
        sent.append((done, total, message))

    async def call() -> None:
        for number, arguments in enumerate(reports, 1):
            report(*arguments)
            while len(sent) < number:  # noqa: ASYNC110 - bounded below
                await anyio.sleep(0.01)

    with anyio.fail_after(30):
        await with_progress(call(), send)
    return sent


async def test_its_number_grows_through_countable_and_other_stages() -> None:
    assert await sent_of(
        ("Reading", 0, None),
        ("Read 100", 100, 300),
        ("Waiting for a turn", None, None),
        ("Read 200", 200, 300),
        ("Read 300", 300, 300),
        ("Asking for the price", None, None),
        ("Read 5 again", 5, None),
    ) == [
        (0, None, "Reading"),
        (100, 300, "Read 100"),
        (101, 300, "Waiting for a turn"),
        (200, 300, "Read 200"),
        (300, 300, "Read 300"),
        (301, None, "Asking for the price"),
        (302, None, "Read 5 again"),
    ]


async def test_intermediate_reports_are_dropped_for_the_newest() -> None:
    sent: Sent = []
    came = anyio.Event()

    async def send(done: float, total: float | None, message: str) -> None:
        sent.append((done, total, message))
        came.set()

    async def call() -> str:
        for page in range(200):
            report(f"Read {page}", page, 200)
        await came.wait()
        return "done"

    assert await with_progress(call(), send) == "done"
    assert sent == [(199, 200, "Read 199")]


async def test_a_listener_that_hangs_does_not_delay_the_call() -> None:
    asked = anyio.Event()

    async def send(*_: object) -> None:
        asked.set()
        await anyio.sleep_forever()

    async def call() -> str:
        report("Waiting")
        await asked.wait()
        report("Waiting still")
        return "done"

    with anyio.fail_after(10):
        assert await with_progress(call(), send) == "done"


async def test_a_listener_that_fails_does_not_fail_the_call(caplog: pytest.LogCaptureFixture) -> None:
    async def send(*_: object) -> None:
        asked.set()
        raise RuntimeError("+61491570156 is gone")

    async def call() -> str:
        report("Waiting")
        await asked.wait()
        await anyio.wait_all_tasks_blocked()
        return "done"

    asked = anyio.Event()
    assert await with_progress(call(), send) == "done"
    assert caplog.messages == ["progress could not be passed on: RuntimeError"]


async def test_an_error_of_the_call_is_raised_unchanged() -> None:
    async def send(*_: object) -> None:
        raise AssertionError("nothing was reported")

    async def call() -> None:
        raise KeyError("as it is")

    with pytest.raises(KeyError, match="as it is"):
        await with_progress(call(), send)
    assert not has_listener()


async def test_reports_after_the_call_are_dropped() -> None:
    sent: Sent = []
    ended = anyio.Event()

    async def send(done: float, total: float | None, message: str) -> None:
        sent.append((done, total, message))

    async with anyio.create_task_group() as tasks:

        async def afterwards() -> None:
            await ended.wait()
            report("Too late")

        async def call() -> None:
            tasks.start_soon(afterwards)

        await with_progress(call(), send)
        ended.set()
        await anyio.wait_all_tasks_blocked()
    assert sent == []


async def test_without_a_listener_reports_are_dropped() -> None:
    assert not has_listener()
    report("Nobody", 1, 2)
    assert not has_listener()
