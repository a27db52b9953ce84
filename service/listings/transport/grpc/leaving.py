"""The moment in which clients are told to go elsewhere; used by `server.py` and waited for by `pipeline.py`.

When grpcio's server stops it cancels what it has received and not yet handed over, and what arrives until the
client has read the GOAWAY: a few calls of every client that does not watch the health service. So answers are
held back for that moment. A client that waits for an answer sends little else, the GOAWAY travels on each
connection before the answers do, and the next calls go elsewhere. Calls that a client sends without waiting
for others may still be lost, those of one round trip: grpcio has no way to send a GOAWAY without stopping.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# Nothing arrived at three looks in a row: whoever waits for an answer has asked. One look is not enough where
# processes wait for a processor longer than a look takes.
_QUIET_SECONDS: Final = 0.02
_QUIET_LOOKS: Final = 3
# A steady stream of calls is never quiet; holding it longer than half a second would only make it wait.
_MOST_LOOKS: Final = 25
# What grpcio needs to hand the GOAWAY to its connections, which then write it before any later answer.
_TELLING_SECONDS: Final = 0.02


class Leaving:
    """Holds answers back between `hold` and `release`."""

    def __init__(self) -> None:
        self.told: asyncio.Event | None = None
        """What an answer must wait for; None as long as nobody leaves."""

    async def hold(self, under_way: Callable[[], int]) -> None:
        """Hold answers from now on, and return when calls have stopped arriving or after half a second."""
        self.told = asyncio.Event()
        quiet = 0
        for _ in range(_MOST_LOOKS):
            calls = under_way()
            await asyncio.sleep(_QUIET_SECONDS)
            quiet = quiet + 1 if under_way() == calls else 0
            if quiet == _QUIET_LOOKS:
                return

    async def release(self) -> None:
        """Let the answers go, once the clients are told; call when the server has begun to stop."""
        await asyncio.sleep(_TELLING_SECONDS)
        if self.told is not None:
            self.told.set()
