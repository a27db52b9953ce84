"""What the operator makes of answers that an API server gives on a bad day, and of no answer at all."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

import pytest
import yaml
from aiohttp import web

from listings_operator import cluster as api
from listings_operator import events
from listings_operator.__main__ import main
from listings_operator.actions import Event
from listings_operator.assets import Assets
from listings_operator.cluster import ApiError, ApiUnreachable, open_cluster
from listings_operator.metrics import Metrics
from listings_operator.observe import read_apis
from listings_operator.observed import Apis
from listings_operator.queue import Key
from listings_operator.reconcile import Reconciler
from listings_operator.settings import Settings
from listings_operator.vocabulary import Reason
from listings_operator.watchdog import Watchdog

KEY = Key("market", "shop")
CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "shop", "namespace": "market"}}
RESOURCE = {"metadata": {"name": "shop", "namespace": "market", "uid": "u", "generation": 1}}


class Server:
    """Answers every request with what the test says next."""

    def __init__(self) -> None:
        self.status, self.text, self.headers = 200, "{}", {}
        self.hangs = self.cuts = False
        self.requests: list[tuple[str, str]] = []

    def answers(self, status, text="{}", **headers):
        self.status, self.text, self.headers = status, text, headers

    async def handle(self, request):
        self.requests.append((request.method, request.path_qs))
        if self.cuts:
            request.transport.abort()
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(status=self.status, text=self.text, headers=self.headers)


@pytest.fixture
async def server(tmp_path, monkeypatch):
    found = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://{host}:{port}"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(file))
    yield found
    await runner.cleanup()


@pytest.fixture
async def cluster(server):
    async with open_cluster(Metrics().api, connections=4) as found:
        yield found


async def test_what_is_not_there_is_none_and_not_an_error(server, cluster):
    server.answers(404, '{"message": "not found"}')
    assert await cluster.get(api.SECRET, "market", "shop") is None
    assert await cluster.labelled(api.JOB, "market", "a=b") == []
    assert await cluster.delete(api.JOB, "market", "shop") is False
    assert await cluster.kinds("monitoring.coreos.com/v1") == frozenset()
    assert await read_apis(cluster) == Apis()


async def test_a_name_that_exists_is_no_error_of_creating_it(server, cluster):
    server.answers(409, '{"message": "exists"}')
    assert await cluster.create(CONFIG_MAP, "m") is False


async def test_an_empty_list_of_metadata_may_be_null(server, cluster):
    server.answers(200, '{"items": null}')
    assert await cluster.labelled(api.JOB, "market", "a=b", metadata_only=True) == []


@pytest.mark.parametrize("ask", ["get", "labelled", "apply", "create", "delete", "kinds", "change"])
@pytest.mark.parametrize(
    ("status", "text", "message"),
    [
        (403, '{"message": "exceeded quota"}', "exceeded quota"),
        (500, "<html>oh</html>", "<html>oh</html>"),
        (502, '["no object"]', '["no object"]'),
    ],
)
async def test_a_refusal_keeps_the_server_s_words(server, cluster, ask, status, text, message):
    server.answers(status, text)
    calls = {
        "get": lambda: cluster.get(api.SECRET, "market", "shop"),
        "labelled": lambda: cluster.labelled(api.JOB, "market", "a=b"),
        "apply": lambda: cluster.apply(CONFIG_MAP, "m"),
        "create": lambda: cluster.create(CONFIG_MAP, "m"),
        "delete": lambda: cluster.delete(api.JOB, "market", "shop"),
        "kinds": lambda: cluster.kinds("v1"),
        "change": lambda: cluster.change(CONFIG_MAP, "m", []),
    }
    with pytest.raises(ApiError) as error:
        await calls[ask]()
    assert (error.value.status, error.value.message) == (status, message)
    assert error.value.refused is (status == 403)


async def test_a_patch_that_came_too_late_asks_for_another_look(server, cluster):
    server.answers(422, '{"message": "the test failed"}')
    with pytest.raises(ApiError) as error:
        await cluster.change(CONFIG_MAP, "m", [{"op": "test", "path": "/x", "value": 1}])
    assert error.value.status == 409


async def test_no_answer_is_told_with_the_request(server, cluster, monkeypatch):
    server.cuts = True
    with pytest.raises(ApiUnreachable, match="GET /api/v1/namespaces/market/secrets/shop"):
        await cluster.get(api.SECRET, "market", "shop")
    server.cuts, server.hangs = False, True
    monkeypatch.setattr(api, "_TIMEOUT_SECONDS", 0.05)
    with pytest.raises(ApiUnreachable, match="secrets/shop"):
        await cluster.get(api.SECRET, "market", "shop")


async def test_an_event_that_cannot_be_sent_stops_nothing(server, cluster, caplog):
    server.answers(403, '{"message": "may not"}')
    event = Event("Normal", Reason.READY, "n" * 2000)
    now = datetime(2026, 1, 1, tzinfo=UTC)
    await events.send(cluster, event, RESOURCE, identity="test", now=now)
    assert "event Ready not sent: may not" in caplog.text
    document = events.event_document(event, RESOURCE, "test", now)
    assert len(document["note"]) == 1024
    assert document["eventTime"] == "2026-01-01T00:00:00.000000Z"


def reconciler(cluster, metrics, **settings):
    return Reconciler(
        cluster, Assets(), Settings(identity="test", **settings), metrics.reconcile, Watchdog(100)
    )


async def test_an_overloaded_server_says_when_it_is_asked_again(server, cluster):
    metrics = Metrics()
    server.answers(429, '{"message": "too many"}', **{"Retry-After": "7"})
    assert await reconciler(cluster, metrics).look(KEY) == 7
    server.answers(429, '{"message": "too many"}', **{"Retry-After": "soon"})
    with pytest.raises(ApiError):
        await reconciler(cluster, metrics).look(KEY)
    value = metrics.registry.get_sample_value
    assert value("listings_operator_reconciles_total", {"result": "failed"}) == 2


async def test_a_resource_that_is_gone_is_not_looked_at_again(server, cluster):
    server.answers(404)
    assert await reconciler(cluster, Metrics()).look(KEY) is None


async def test_a_conflict_is_looked_at_again_at_once(server, cluster):
    server.answers(409, '{"message": "changed"}')
    metrics = Metrics()
    assert await reconciler(cluster, metrics).look(KEY) == 0
    assert metrics.registry.get_sample_value("listings_operator_reconciles_total", {"result": "done"}) == 1


async def test_a_look_that_hangs_is_given_up(server, cluster):
    server.hangs = True
    hanging = reconciler(cluster, Metrics())
    hanging._settings = hanging._settings.model_copy(update={"longest_look_seconds": 0.05})
    with pytest.raises(TimeoutError):
        await hanging.look(KEY)


async def test_an_answer_that_cannot_be_understood_is_logged_with_its_resource(server, cluster, caplog):
    server.answers(200, '{"no": "metadata"}')
    with pytest.raises(KeyError):
        await reconciler(cluster, Metrics()).look(KEY)
    assert "market/shop: the look failed" in caplog.text


def test_without_a_server_the_process_ends_and_says_so(tmp_path, monkeypatch):
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("LISTINGS_OPERATOR_HOST", "127.0.0.1")
    monkeypatch.setenv("LISTINGS_OPERATOR_PORT", "0")
    root, kopf_level = logging.getLogger(), logging.getLogger("kopf").level
    handlers, level = list(root.handlers), root.level
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("kopf").setLevel(kopf_level)
    assert "The Kubernetes API cannot be used" in str(ended.value)
