"""Threads for work that one call does in parallel."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed

from shared import context
from shared.thread_logs import Lines, keep_lines, write_lines


class Workers:
    """Runs functions in parallel, each in the context of the current call. Threads start when they are needed first."""

    def __init__(self, width: int) -> None:
        self._pool = ThreadPoolExecutor(max_workers=width, thread_name_prefix="gateway")

    def map[A, T](self, function: Callable[[A], T], arguments: Iterable[A]) -> list[T]:
        """Return the results in the order of the arguments. The first error cancels what has not begun.

        What a function logs is logged when it has ended.
        """
        lines: dict[Future[T], Lines] = {}
        for argument in arguments:
            kept: Lines = []
            run = context.in_this_call(keep_lines(function, kept))
            lines[self._pool.submit(run, argument)] = kept
        for ended in as_completed(lines):
            write_lines(lines[ended])
            if ended.exception() is not None:
                break
        for future in lines:
            future.cancel()
        for future in lines:
            if future.done() and not future.cancelled() and (error := future.exception()) is not None:
                raise error
        return [future.result() for future in lines]

    def start[T](self, function: Callable[[], T]) -> Future[T]:
        """Call the function on another thread; the future gets its result or error."""
        return self._pool.submit(context.in_this_call(function))
