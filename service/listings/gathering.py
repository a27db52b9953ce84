"""Wait for company without a timer: for as long as turns of the event loop bring more to do together.

Requests that were sent together come through the transport one in several turns. Whoever starts at once makes
many small statements of what could be one; whoever waits for a time makes a lone caller wait for nobody. Turns
take microseconds, and the loop that is busy with others' requests is the one that has company to offer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

# A turn may end between two requests that arrived together; two in a row are quiet. Measured with 50 clients over
# grpcio: waiting for none gives many small batches, waiting for more gains nothing.
QUIET_TURNS: Final = 2


class Gathering:
    """Calls `send` once `enough` is gathered, or a few turns in a row brought nothing.

    After a batch of several, `in_company` turns must be quiet: its callers' next requests are on their way.
    """

    def __init__(
        self,
        send: Callable[[], None],
        *,
        gathered: Callable[[], int],
        enough: Callable[[], bool],
        in_company: int = QUIET_TURNS,
    ) -> None:
        self._send = send
        self._gathered = gathered
        self._enough = enough
        self._in_company = in_company
        self._patience = QUIET_TURNS
        self._begun = False
        self._seen = self._quiet = 0

    def begin(self) -> None:
        """Gather from here on, unless it is being done."""
        if self._begun:
            return
        self._begun = True
        self._seen = self._quiet = 0
        asyncio.get_running_loop().call_soon(self._turn)

    def sent(self, together: int) -> None:
        """So many went together: where there were several, the next ones are waited for longer."""
        self._patience = self._in_company if together > 1 else QUIET_TURNS

    def _turn(self) -> None:
        gathered = self._gathered()
        self._quiet = self._quiet + 1 if gathered == self._seen else 0
        if self._quiet < self._patience and not self._enough():
            self._seen = gathered
            asyncio.get_running_loop().call_soon(self._turn)
        else:
            self._begun = False
            self._send()
