"""Threads for work that one call does in parallel."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait

from shared import context


class Workers:
    """Runs functions in parallel, each in the context of the current call. Threads start when they are needed first."""

    def __init__(self, width: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=width, thread_name_prefix="gateway")

    def map[A, T](self, function: Callable[[A], T], arguments: Iterable[A]) -> list[T]:
        """Return the results in the order of the arguments. The first error cancels what has not begun."""
        futures = [self._pool.submit(context.in_this_call(function), argument) for argument in arguments]
        done, waiting = wait(futures, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in futures:
            if future in done and (error := future.exception()) is not None:
                raise error
        return [future.result() for future in futures]

    def start[T](self, function: Callable[[], T]) -> Future[T]:
        """Call the function on another thread; the future gets its result or error."""
        return self._pool.submit(context.in_this_call(function))
