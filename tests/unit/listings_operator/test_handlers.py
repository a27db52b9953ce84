"""What is watched, and that an event puts its resource's key into the queue and does nothing else."""

from __future__ import annotations

import kopf
import pytest

from listings_operator import cluster as api
from listings_operator import handlers, labels
from listings_operator.queue import Key, WorkQueue
from listings_operator.watchdog import Watchdog


class Watched:
    """The registry, with its handlers by the plural of their kind."""

    def __init__(self, monitoring=()) -> None:
        self.queue, self.watchdog = WorkQueue(), Watchdog(100, lambda: self.now)
        self.now = 0.0
        registry = handlers.registry(self.queue, self.watchdog, monitoring=monitoring)
        found = registry._watching._handlers
        self.handlers = {
            str(handler.selector.any_name or handler.selector.plural): handler for handler in found
        }

    async def event(self, plural, **fields):
        await self.handlers[plural].fn(namespace="market", name="x", **fields)

    @property
    def keys(self):
        return list(self.queue._ready)


def resource(kind):
    group, _, version = kind.api_version.rpartition("/")
    return kopf.Resource(group, version, kind.plural, kind=kind.kind)


async def test_an_event_of_a_resource_queues_it():
    watched = Watched()
    await watched.event("listingsdeployments", labels={})
    await watched.event("listingsdeployments", labels={})
    assert watched.keys == [Key("market", "x")]


@pytest.mark.parametrize("kind", [*api.CHILDREN, api.POD], ids=lambda kind: kind.kind)
async def test_an_event_of_what_was_made_for_a_resource_queues_that(kind):
    watched = Watched()
    await watched.event(kind.plural, labels={labels.INSTANCE: "shop"})
    assert watched.keys == [Key("market", "shop")]


async def test_an_object_without_our_label_is_nobody_s():
    watched = Watched()
    await watched.event("services", labels={})
    assert watched.keys == []


async def test_an_event_is_the_sign_that_its_watch_lives():
    watched = Watched()
    watched.watchdog.changed("Service", watched.watchdog.heard_so_far("Service"))
    watched.now = 1000
    assert watched.watchdog.dead == ("Service",)
    await watched.event("services", labels={})
    assert watched.watchdog.dead == ()


def test_kinds_of_the_prometheus_operator_are_watched_where_there_are_any():
    without, with_ = Watched(), Watched(api.MONITORING)
    assert set(with_.handlers) - set(without.handlers) == {kind.plural for kind in api.MONITORING}


def test_of_other_kinds_only_our_objects_are_listed():
    settings = handlers.settings()
    assert not settings.posting.enabled
    assert settings.scanning.disabled
    [(selects, selector)] = settings.watching.label_selectors.items()
    assert selector == labels.SELECTOR
    assert selects.check(resource(api.SERVICE))
    assert not selects.check(resource(api.LISTINGS_DEPLOYMENT))
