"""From a cluster without anything of ours to a service that answers: the chart, one file of examples/, a gRPC call."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
import yaml
from e2e.images.variants import FIRST, REPOSITORY
from e2e.story.clock import clock
from e2e.story.shop import RESOURCES, Shop
from google.protobuf import empty_pb2

from listings.v1 import listings_pb2_grpc

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.yaml"

pytestmark = pytest.mark.timeout(600)


def quickstart() -> list[dict[str, object]]:
    """The example as it is, but with the image that was built for these tests."""
    documents = [document for document in yaml.safe_load_all(QUICKSTART.read_text()) if document]
    for document in documents:
        if document["kind"] == "ListingsDeployment":
            document["spec"]["image"] = {"repository": REPOSITORY}
            document["spec"]["version"] = FIRST.version
        document["metadata"].pop("namespace", None)
    return documents


async def test_one_file_becomes_a_service_that_answers(cluster, release, api, figures):
    documents = quickstart()
    [resource] = [each for each in documents if each["kind"] == "ListingsDeployment"]
    shop = Shop(cluster, api, "install", name=resource["metadata"]["name"])
    try:
        async with clock(shop) as spent:
            began = spent.now()
            shop.kubectl.apply(*documents)
            path = RESOURCES.format(shop.namespace)
            ended = (await api.until(path, shop.name, is_ready, seconds=240)).at
        table = figures.table("From kubectl apply to Ready", "part", "seconds")
        table.add("whole", ended - began)
        for task in ("plan", "migrate", "seed", "smoke"):
            table.add(f"waiting for {task} Jobs", spent.job_seconds(task))
        table.add("waiting for pods", spent.pod_seconds)
        table.add("the operator's own share", spent.own_seconds(began, ended))
        with cluster.reach(shop.namespace, shop.name, 50053) as address:
            async with grpc.aio.insecure_channel(address) as channel:
                stub = listings_pb2_grpc.ListingsServiceStub(channel)
                answer = await stub.GetAllCategories(empty_pb2.Empty(), timeout=10)
        assert answer.categories, "the quickstart comes with demo data"
    except BaseException:
        print(release.log)
        raise
    finally:
        shop.close()


def is_ready(document) -> bool:
    status = document.get("status", {})
    return status.get("phase") == "Ready" and status["reason"] == "Ready"
