"""Settings on their way to a worker: secrets arrive, and nothing that a process knows is lost."""

from __future__ import annotations

import asyncio
import socket

import pytest

from listings.settings import Settings
from listings.workers.channel import Channel, ChannelClosed, receive_settings, send_settings
from listings.workers.supervisor import shared_out


async def test_settings_arrive_as_they_were_sent():
    sent = Settings.model_validate(
        {
            "server": {"workers": 2, "drain_seconds": "1m30s"},
            "database": {"url": "postgresql://me:secret@db/shop"},
            "tls": {"cert_path": "tls/tls.crt"},
            "rate_limit": {"per_minute": "GetListing=400,SearchListings=unlimited"},
            "timeouts": {"seconds": "GetListing=2"},
        }
    )
    ours, theirs = socket.socketpair()
    here, there = await Channel.over(ours), await Channel.over(theirs)
    await send_settings(here, 2, sent)
    assert await receive_settings(there) == (2, sent)
    here.close()
    with pytest.raises(ChannelClosed):
        await asyncio.wait_for(there.read(), 10)
    there.close()


@pytest.mark.parametrize(
    ("workers", "sessions", "shares"), [(2, 8, [2, 3, 3]), (4, 8, [1, 2, 2, 2, 1]), (4, 5, [1, 1, 1, 1, 1])]
)
def test_sessions_are_shared_out_and_none_is_made_up(workers, sessions, shares):
    parts = shared_out(
        Settings.model_validate({"server": {"workers": workers}, "database": {"pool_size": sessions}})
    )
    assert [part.database.pool_size for part in parts] == shares
