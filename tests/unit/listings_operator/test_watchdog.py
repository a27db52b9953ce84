"""A watch that owes us the event of our own change for too long is dead; a quiet one is not."""

from __future__ import annotations

from listings_operator.watchdog import Watchdog


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def watching(*kinds):
    clock = Clock()
    watchdog = Watchdog(100, clock)
    for kind in kinds:
        watchdog.watch(kind)
    return watchdog, clock


def change(watchdog, kind, *, overtaken=False):
    """A change as `reconcile.py` makes it; `overtaken`: its event comes before the API server's answer does."""
    before = watchdog.heard_so_far(kind)
    if overtaken:
        watchdog.heard(kind)
    watchdog.changed(kind, before)


def test_a_watch_that_shows_no_change_of_ours_is_dead_after_a_while():
    watchdog, clock = watching("Job", "Service")
    change(watchdog, "Job")
    clock.now = 100
    assert watchdog.dead == ()
    assert watchdog.silence == 100
    clock.now = 101
    assert watchdog.dead == ("Job",)


def test_an_event_proves_that_it_lives():
    watchdog, clock = watching("Job")
    change(watchdog, "Job")
    clock.now = 99
    watchdog.heard("Job")
    clock.now = 1000
    assert (watchdog.dead, watchdog.silence) == ((), 0)


def test_the_first_change_counts_however_many_follow():
    watchdog, clock = watching("Job")
    for clock.now in (0, 60, 120):
        change(watchdog, "Job")
    assert watchdog.silence == 120
    assert watchdog.dead == ("Job",)


def test_quiet_kinds_and_kinds_without_a_watch_are_not_suspected():
    watchdog, clock = watching("Job")
    change(watchdog, "PrometheusRule")
    watchdog.heard("Pod")
    clock.now = 1000
    assert (watchdog.dead, watchdog.silence) == ((), 0)


def test_an_event_may_overtake_the_answer_to_the_change_that_caused_it():
    watchdog, clock = watching("ServiceAccount")
    change(watchdog, "ServiceAccount", overtaken=True)
    clock.now = 1000
    assert (watchdog.dead, watchdog.silence) == ((), 0)
    change(watchdog, "ServiceAccount")
    clock.now = 2000
    assert watchdog.dead == ("ServiceAccount",)
