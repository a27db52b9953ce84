"""Every RPC that the wire contract names is served: none answers UNIMPLEMENTED."""

from __future__ import annotations

from pathlib import Path

import grpc
import yaml

from listings.transport.table import declared_methods

CONTRACT = yaml.safe_load((Path(__file__).parents[1] / "fixtures" / "wire_contract.yaml").read_text())
# What the contract has had from the beginning, and what this project added to it.
RPCS = sorted(CONTRACT["methods"])
ADDED = ["GetInventoryHistory"]


def test_the_contract_has_54_rpcs_and_the_service_declares_them_and_those_it_added():
    assert len(RPCS) == 54
    assert sorted(declared_methods()) == sorted(RPCS + ADDED)


async def test_each_rpc_answers_an_empty_request_as_one_that_is_served(service):
    """An empty request is fine, or lacks something; through the server, by each name on the wire."""
    told = {}
    for name in RPCS + ADDED:
        try:
            await service.channel.unary_unary(f"/listings.v1.ListingsService/{name}")(b"", timeout=30)
            told[name] = "OK"
        except grpc.aio.AioRpcError as error:
            told[name] = error.code().name
    assert len(told) == 55
    assert {name: code for name, code in told.items() if code not in {"OK", "INVALID_ARGUMENT"}} == {}
