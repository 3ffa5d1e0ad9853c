"""An event loop with the world's time, for the coroutines of a triggerer."""

from __future__ import annotations

import asyncio
import contextvars
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.world import World

__all__ = ["VirtualLoop"]


class VirtualLoop(asyncio.AbstractEventLoop):
    """
    The loop of one triggerer.

    Its turns are events of the world. All ready callbacks run at once, so that nothing is ready between two events.

    :ivar frozen_until: nothing runs before.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._ready: deque[events.Handle] = deque()
        self._is_draining = False
        self._is_gone = False
        self.frozen_until = 0.0

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a coroutine."""
        task = self.create_task(work)
        self._drain()
        return task

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """Cancel a task, and run all callbacks that are ready."""
        if not self._is_gone:
            task.cancel()
            self._drain()

    def settle(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        """Set the result of a future as soon as the loop runs."""
        if self._is_gone:
            return
        if self._world.now < self.frozen_until:
            self._world.at(self.frozen_until, self.settle, future, result, error)
        elif not future.done():
            if error is None:
                future.set_result(result() if callable(result) else result)
            else:
                future.set_exception(error)
            self._drain()

    def vanish(self) -> None:
        """End the loop with all its tasks: the process is gone."""
        self._is_gone = True
        self._ready.clear()

    # The methods that asyncio needs.

    def time(self) -> float:
        return self._world.now

    def call_soon(
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> events.Handle:
        handle = events.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> events.TimerHandle:
        return self.call_at(self._world.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> events.TimerHandle:
        handle = events.TimerHandle(when, callback, args, self, context)
        self._world.at(when, self._fire, handle)
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Any = None) -> asyncio.Task[Any]:
        return asyncio.Task(coro, loop=self, name=name, context=context)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self._is_gone:  # an ended process reports nothing
            self._world.ledger.errors.append(context.get("exception") or RuntimeError(context["message"]))

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def _timer_handle_cancelled(self, handle: events.TimerHandle) -> None:
        pass

    def _fire(self, handle: events.TimerHandle) -> None:
        if self._is_gone or handle.cancelled():
            return
        if self._world.now < self.frozen_until:
            self._world.at(self.frozen_until, self._fire, handle)
            return
        self._ready.append(handle)
        self._drain()

    def _drain(self) -> None:
        if self._is_draining or self._is_gone:
            return
        self._is_draining = True
        before = events._get_running_loop()
        events._set_running_loop(self)
        try:
            while self._ready:
                handle = self._ready.popleft()
                if not handle.cancelled():
                    handle._run()
        finally:
            events._set_running_loop(before)
            self._is_draining = False
