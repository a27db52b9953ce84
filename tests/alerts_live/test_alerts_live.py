"""Run by `make alerts-live` and, in full, by `make prove-alerts`: a real fault for each alert, and who hears of it.

The short run takes the faults marked `quick`; LISTINGS_PROVE=1 takes all, and prints the table.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from alerts_live import runbooks
from alerts_live.cast import Cast, everybody
from alerts_live.faults import ALWAYS, BESIDE, FAULTS, LAST, Fault
from alerts_live.stage import ROOT, open_stage
from providers.tools import tool

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
# A short run takes 3 minutes, a full one 9, and both longer where the machine does other work.
pytestmark = pytest.mark.timeout(2400 if PROVE else 900)

RULES = [
    rule
    for file in sorted((ROOT / "alerts").glob("*.yaml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = [rule["record"] for rule in RULES if "record" in rule]
RECEIVERS = {"critical": "page", "warning": "ticket", "none": "heartbeat"}
GROUPED_BY = {"alertname", "severity", "cluster", "namespace", "service"}


@dataclass
class Proof:
    """What became of one alert in one fault."""

    fired_after: float
    cleared_after: float = 0.0


@dataclass
class Run:
    """One run over the stage; `proofs` by alert and fault, `hidden` the pairs of source and target that were seen.

    A fault that fails is noted in `failures`, and the others go on.
    """

    cast: Cast
    proofs: dict[tuple[str, str], Proof] = field(default_factory=dict)
    hidden: set[tuple[str, str]] = field(default_factory=set)
    failures: list[str] = field(default_factory=list)

    async def live_through(self, namespace: str, fault: Fault) -> None:
        """See one fault through."""
        try:
            await self._live_through(namespace, fault)
        except Exception as error:  # noqa: BLE001 - whatever it is, the table of the others is worth having
            self.failures.append(f"{namespace}: {fault.how}: {type(error).__name__} {error}")

    async def _live_through(self, namespace: str, fault: Fault) -> None:
        """Silent before, fires and is told of while it lasts, clears and is told of as over after it."""
        stage = self.cast.stage
        within = namespace if fault.label_namespace is None else fault.label_namespace
        every = (*fault.fires, *fault.hides)
        await stage.until_silent(within, *every)
        began = time.monotonic()
        async with AsyncExitStack() as doing:
            context = fault.doing(self.cast)
            if hasattr(context, "__aenter__"):
                await doing.enter_async_context(context)
            else:
                doing.enter_context(context)
            await asyncio.gather(*(self._fires(within, name, fault, began) for name in fault.fires))
            await asyncio.gather(*(self._is_hidden(within, name, fault) for name in fault.hides))
            hidden = time.monotonic()
        mended = time.monotonic()
        await asyncio.gather(*(self._clears(within, name, fault, began, mended) for name in fault.fires))
        if fault.ends_quietly:
            await stage.until_silent(within, *fault.hides)
            told = [name for name in fault.hides if stage.inbox.about(name, within, "firing", since=hidden)]
            assert not told, f"somebody was told of {told} when the fault was over"

    async def _fires(self, namespace: str, name: str, fault: Fault, began: float) -> None:
        stage = self.cast.stage
        await stage.until_firing(namespace, name, seconds=fault.longest_seconds)
        fired_after = time.monotonic() - began
        told = await stage.until(
            lambda: stage.inbox.about(name, namespace, "firing", since=began), f"somebody is told of {name}"
        )
        severity = ALERTS[name]["labels"]["severity"]
        for each in told:
            assert each.receiver == RECEIVERS[severity], (name, each.receiver)
            group = each.body["groupLabels"]
            assert group["alertname"] == name
            assert group.keys() <= GROUPED_BY
            for labels in each.alerts("firing"):
                assert {label: labels.get(label) for label in group} == group
                assert labels["cluster"] == "local"
                assert labels["environment"] == "development"
                assert labels["team"] == "platform"
        self.proofs[name, fault.how] = Proof(fired_after)

    async def _is_hidden(self, namespace: str, name: str, fault: Fault) -> None:
        stage = self.cast.stage

        async def because_of() -> set[str]:
            return (await stage.hidden(namespace)).get(name, set()) & set(fault.fires)

        sources = await stage.until(
            because_of, f"{name} is kept back by one of {fault.fires}", seconds=fault.longest_seconds
        )
        self.hidden |= {(source, name) for source in sources}

    async def _clears(self, namespace: str, name: str, fault: Fault, began: float, mended: float) -> None:
        stage = self.cast.stage
        await stage.until_silent(namespace, name)
        self.proofs[name, fault.how].cleared_after = time.monotonic() - mended
        await stage.until(
            lambda: stage.inbox.about(name, namespace, "resolved", since=began),
            f"somebody is told that {name} is over",
        )

    async def live_in(self, namespace: str) -> None:
        """The rows of a namespace, one after the other."""
        for row in FAULTS[namespace]:
            await asyncio.gather(*(self.live_through(namespace, each) for each in row if PROVE or each.quick))

    async def heart_stops(self) -> None:
        """The alert that always fires is told of as over once Prometheus hangs."""
        stage = self.cast.stage
        began = time.monotonic()
        process = stage.programs["prometheus"]
        process.send_signal(signal.SIGSTOP)
        try:
            await stage.until(
                lambda: stage.inbox.about(ALWAYS, "", "resolved", since=began), "the heartbeat ends"
            )
        finally:
            process.send_signal(signal.SIGCONT)
        self.proofs[ALWAYS, "always; Prometheus stopped (SIGSTOP) ends it"] = Proof(
            0.0, time.monotonic() - began
        )


async def without_data(cast: Cast) -> set[str]:
    """Recording rules that have had no sample so far."""
    found = await cast.stage.query('count by (__name__) (last_over_time({__name__=~".+:.+"}[15m]))')
    return set(RECORDED) - {each["metric"]["__name__"] for each in found}


async def test_each_alert_fires_by_a_real_fault_is_told_of_and_clears(short_folder):
    async with open_stage(short_folder) as stage, everybody(stage) as cast:
        run = Run(cast)
        await stage.until(
            lambda: stage.inbox.about(ALWAYS, "", "firing", since=0), "the heartbeat reaches the webhook"
        )
        # The indexer has finished something: without one its queue is nobody's concern.
        await stage.until(
            lambda: stage.query("increase(listings_indexing_jobs_processed_total{namespace='shop'}[1m]) > 0"),
            "the indexer is seen at work",
        )
        try:
            async with asyncio.TaskGroup() as living:
                for namespace in FAULTS:
                    living.create_task(run.live_in(namespace))
                if PROVE:
                    for namespace, fault in BESIDE.items():
                        living.create_task(run.live_through(namespace, fault))
            for fault in LAST:
                if PROVE or fault.quick:
                    await run.live_through("shop", fault)
            missing = await without_data(cast)
            checks, wrong = await runbooks.complaints(cast)
            await run.heart_stops()
        finally:
            print(table(run), *run.failures, sep="\n")
    print(f"recording rules with data: {len(RECORDED) - len(missing)} of {len(RECORDED)}")
    print(f"first checks of runbooks that were run: {checks - len(wrong)} of {checks}", *wrong, sep="\n")
    assert not run.failures
    assert not wrong
    assert not missing
    if PROVE:
        assert proved(run) == ALERTS.keys()


def test_every_alert_has_a_fault():
    rows = [fault for rows in FAULTS.values() for row in rows for fault in row]
    faulted = [name for fault in (*rows, *BESIDE.values(), *LAST) for name in fault.fires]
    assert {*faulted, ALWAYS} == ALERTS.keys(), "tests/alerts_live/faults.py has a fault for each alert"


def proved(run: Run) -> set[str]:
    return {name for name, _ in run.proofs}


def table(run: Run) -> str:
    """What was proved, as a table; the unit column is counted from the cases of tests/rules."""
    cases = tool_of_rules().cases()
    lines = [
        "| alert | unit fires / silent | fired live by | seconds to fire | cleared after | runbook |",
        "|---|---|---|---|---|---|",
    ]
    for name in ALERTS:
        unit = f"{cases[name, 'fires']} / {cases[name, 'silent'] if name != ALWAYS else 'never'}"
        runbook = Path(ALERTS[name]["annotations"]["runbook_url"])
        proofs = [
            f"{how} | {proof.fired_after:.0f} | {proof.cleared_after:.0f}"
            for (alert, how), proof in run.proofs.items()
            if alert == name
        ]
        lines += [
            f"| {name} | {unit} | {live} | {runbook if (ROOT / runbook).is_file() else ''} |"
            for live in proofs or [" | | "]
        ]
    pairs = sorted(run.hidden)
    return "\n".join(
        [
            *lines,
            "",
            f"{len(proved(run))} of {len(ALERTS)} alerts fired, were told of and cleared",
            f"kept back as expected: {', '.join(f'{target} by {source}' for source, target in pairs)}",
        ]
    )


def tool_of_rules():
    """tests/rules/run.py, which knows the unit cases."""
    return tool("../tests/rules/run")
