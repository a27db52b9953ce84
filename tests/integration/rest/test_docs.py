"""The OpenAPI document and the page for people."""

from __future__ import annotations

import re

from providers.sharing import shares_service


@shares_service
async def test_the_document_describes_every_endpoint_in_words(shared_rest):
    document = (await shared_rest.http.get("/openapi.json")).json()
    assert document["info"]["title"] == "Listings"
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["operationId"], where
            # A broken rule is 400 here; FastAPI's 422 is never answered.
            assert "422" not in operation["responses"], where
            writes = method != "get" or "favorite" in path
            assert ("security" in operation) == writes, where


@shares_service
async def test_operation_ids_are_unique(shared_rest):
    document = (await shared_rest.http.get("/openapi.json")).json()
    ids = [op["operationId"] for methods in document["paths"].values() for op in methods.values()]
    assert len(ids) == len(set(ids))


@shares_service
async def test_the_page_shows_every_endpoint_without_scripts(shared_rest):
    document = (await shared_rest.http.get("/openapi.json")).json()
    page = (await shared_rest.http.get("/docs")).text
    for path, methods in document["paths"].items():
        assert path in page
        for operation in methods.values():
            assert f'id="{operation["operationId"]}"' in page
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in page


@shares_service
async def test_the_page_needs_nothing_from_elsewhere(shared_rest):
    answer = await shared_rest.http.get("/docs")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", answer.text)
    assert "<style" not in answer.text  # the policy would refuse it
    for asset, kind in re.findall(r'(?:src|href)="(/docs/[^"]+\.(css|js))"', answer.text):
        found = await shared_rest.http.get(asset)
        assert found.status_code == 200
        assert kind in found.headers["content-type"].replace("javascript", "js")
        assert not re.findall(r"https?://", found.text)
