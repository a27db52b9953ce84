"""The cluster under the other e2e tests is a real one: pods run, find each other by name, and are reached."""

from __future__ import annotations

import asyncpg
import pytest
import redis

PASSWORD = "only-for-this-test"
RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "runAsUser": 999,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name, image, *, port, ready, environment=(), args=()):
    container = {
        "name": name,
        "image": image,
        "args": list(args),
        "env": [{"name": key, "value": value} for key, value in dict(environment).items()],
        "ports": [{"containerPort": port}],
        "readinessProbe": {"exec": {"command": ready}, "periodSeconds": 1},
        "securityContext": RESTRICTED,
    }
    labels = {"app": name}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }, {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": labels, "ports": [{"port": port}]},
    }


@pytest.fixture
def running_redis(cluster, namespace, server_images):
    kubectl = cluster.kubectl.within(namespace)
    objects = pod("cache", server_images.redis, port=6379, ready=["redis-cli", "ping"], args=["--save", ""])
    kubectl.apply(*objects)
    kubectl.wait("condition=Ready", "pod/cache")
    return kubectl


def test_a_client_outside_reaches_a_service(cluster, namespace, running_redis):
    with (
        cluster.reach(namespace, "cache", 6379) as address,
        redis.Redis.from_url(f"redis://{address}") as client,
    ):
        assert client.ping()


def test_a_pod_finds_a_service_by_its_name(running_redis, namespace):
    name = f"cache.{namespace}.svc.cluster.local"
    assert "PONG" in running_redis("exec", "cache", "--", "redis-cli", "-h", name, "ping")


def test_a_restricted_namespace_takes_what_asks_for_nothing(cluster, namespace, server_images):
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    kubectl = cluster.kubectl.within(namespace)
    kubectl.apply(*pod("cache", server_images.redis, port=6379, ready=["redis-cli", "ping"]))
    kubectl.wait("condition=Ready", "pod/cache")


async def test_a_database_pod_serves_what_migrations_need(cluster, namespace, server_images):
    kubectl = cluster.kubectl.within(namespace)
    settings = {"POSTGRES_USER": "listings", "POSTGRES_PASSWORD": PASSWORD, "POSTGRES_DB": "listings_db"}
    ready = ["pg_isready", "-h", "127.0.0.1", "-U", "listings", "-d", "listings_db"]
    kubectl.apply(*pod("database", server_images.postgres, port=5432, ready=ready, environment=settings))
    kubectl.wait("condition=Ready", "pod/database")
    with cluster.reach(namespace, "database", 5432) as address:
        connection = await asyncpg.connect(f"postgresql://listings:{PASSWORD}@{address}/listings_db")
        await connection.execute("CREATE EXTENSION pg_trgm")
        assert await connection.fetchval("SELECT 'Ципеле' % 'Ципела'")
        await connection.close()
