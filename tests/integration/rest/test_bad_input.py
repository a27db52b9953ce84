"""What a caller may do wrong, and what the answer says: never 5xx, always the field, nothing written."""

from __future__ import annotations

import asyncio
import json

import pytest
import pytest_asyncio
from providers.catalog import add_category, rows
from providers.sharing import shares_service

GOOD = {
    "user_id": 7,
    "title": "Gradski bicikl",
    "price": 125.5,
    "currency": "EUR",
    "category_id": 1,
    "source_type": "c2c",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def category(shared_service) -> int:
    return await add_category(shared_service.connections)


def without(key: str) -> dict:
    return {name: value for name, value in GOOD.items() if name != key}


@shares_service
@pytest.mark.parametrize(
    ("body", "field"),
    [
        (without("title"), "title"),
        (without("price"), "price"),
        (without("currency"), "currency"),
        (without("category_id"), "category_id"),
        (without("source_type"), "source_type"),
        (without("user_id"), "user_id"),
        (GOOD | {"title": ""}, "title"),
        (GOOD | {"title": "ab"}, "title"),
        (GOOD | {"title": " \t\n "}, "title"),
        (GOOD | {"title": "\u0000\u0001\u0002"}, "title"),
        (GOOD | {"title": "x" * 256}, "title"),
        (GOOD | {"title": 7}, "title"),
        (GOOD | {"title": None}, "title"),
        (GOOD | {"title": ["Bicikl"]}, "title"),
        (GOOD | {"description": "x" * 5001}, "description"),
        (GOOD | {"description": 5}, "description"),
        (GOOD | {"price": 0}, "price"),
        (GOOD | {"price": -1}, "price"),
        (GOOD | {"price": 9.999}, "price"),
        (GOOD | {"price": 1e10}, "price"),
        (GOOD | {"price": "125.5"}, "price"),  # a string is no number
        (GOOD | {"price": True}, "price"),
        (GOOD | {"price": None}, "price"),
        (GOOD | {"currency": "eur"}, "currency"),
        (GOOD | {"currency": "EURO"}, "currency"),
        (GOOD | {"currency": ""}, "currency"),
        (GOOD | {"category_id": 0}, "category_id"),
        (GOOD | {"category_id": -5}, "category_id"),
        (GOOD | {"category_id": 999_999}, "category_id"),  # unknown
        (GOOD | {"category_id": 2**62}, "category_id"),  # beyond the table's ids
        (GOOD | {"category_id": 2**70}, "category_id"),
        (GOOD | {"category_id": 1.5}, "category_id"),
        (GOOD | {"category_id": "1"}, "category_id"),
        (GOOD | {"quantity": -1}, "quantity"),
        (GOOD | {"quantity": 2**31}, "quantity"),
        (GOOD | {"user_id": 0}, "user_id"),
        (GOOD | {"user_id": "7"}, "user_id"),
        (GOOD | {"source_type": "shop"}, "source_type"),
        (GOOD | {"source_type": "b2c"}, "storefront_id"),
        (GOOD | {"storefront_id": -1}, "storefront_id"),
        (GOOD | {"sku": "x" * 1000}, "sku"),
        ([GOOD], "body"),
        ("text", "body"),
        (None, "body"),
    ],
)
async def test_a_new_listing_that_breaks_a_rule_is_refused_by_field(shared_rest, category, body, field):
    assert category == GOOD["category_id"]
    answer = await shared_rest.http.post("/api/v1/listings", json=body)
    assert answer.status_code == 400, answer.text
    refusal = answer.json()
    assert refusal.keys() == {"error", "message", "reason", "fields"}
    assert refusal["error"] == refusal["message"]
    assert refusal["fields"][0]["field"] == field
    assert refusal["fields"][0]["description"]
    assert await rows(shared_rest.service.connections, "SELECT id FROM listings") == []


async def test_an_empty_source_type_is_that_of_a_private_sale(rest, new_category):
    body = GOOD | {"source_type": "", "category_id": await new_category()}
    answer = await rest.http.post("/api/v1/listings", json=body)
    assert (answer.status_code, answer.json()["source_type"]) == (201, "c2c")


@pytest.mark.parametrize("title", ["自行车出售", "دراجة للبيع", "אופניים למכירה", "Велосипед", "🚲🚲🚲"])
async def test_titles_of_every_script_are_accepted(rest, new_category, title):
    body = GOOD | {"title": title, "category_id": await new_category()}
    answer = await rest.http.post("/api/v1/listings", json=body)
    assert answer.status_code == 201
    assert answer.json()["title"] == title


@shares_service
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "INVALID_ARGUMENT"),
        (b"{", "BODY_UNREADABLE"),
        (b"{'title': 1}", "BODY_UNREADABLE"),
        (b'{"title": "a"', "BODY_UNREADABLE"),
        (b'{"title": "\xff\xfe"}', "BODY_UNREADABLE"),
        (b"\xef\xbb\xbf{}", "INVALID_ARGUMENT"),  # a byte order mark is skipped
        (b'{"title": "\\ud800"}', "INVALID_ARGUMENT"),  # half a character
        (b"[" * 100_000, "BODY_UNREADABLE"),
        (b'{"price": NaN}', "INVALID_ARGUMENT"),
        (b'{"price": 1e999}', "INVALID_ARGUMENT"),
        (b'{"price": ' + b"9" * 5000 + b"}", "BODY_UNREADABLE"),
    ],
)
async def test_a_body_that_is_not_our_json_is_refused(shared_rest, content, reason):
    answer = await shared_rest.http.post(
        "/api/v1/listings", content=content, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["reason"] == reason


@shares_service
async def test_a_body_that_is_no_object_is_told_so_in_terms_of_json(shared_rest):
    answer = await shared_rest.http.post("/api/v1/listings", json=["title"])

    assert answer.json()["error"] == "body should be a JSON object"


@shares_service
@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_prices_that_are_no_numbers_name_the_price(shared_rest, price):
    body = json.dumps(GOOD).replace("125.5", price)
    answer = await shared_rest.http.post(
        "/api/v1/listings", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert answer.json()["fields"][0]["field"] == "price"


@shares_service
@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_a_body_of_another_kind_is_refused(shared_rest, kind):
    answer = await shared_rest.http.post(
        "/api/v1/listings", content=b'{"a": 1}', headers={"content-type": kind}
    )
    assert (answer.status_code, answer.json()["reason"]) == (415, "CONTENT_TYPE")


@shares_service
@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/merge-patch+json"])
async def test_every_kind_of_json_is_read(shared_rest, kind):
    answer = await shared_rest.http.post("/api/v1/listings", content=b"{}", headers={"content-type": kind})
    assert (answer.status_code, answer.json()["reason"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
async def test_a_body_that_is_too_large_is_refused(start_service, chunked):
    async def parts():
        for _ in range(40):
            yield b" " * 100

    async with start_service(server={"max_message_bytes": 1024}) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.app.http_port)
        head = "POST /api/v1/listings HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        size = "Transfer-Encoding: chunked" if chunked else "Content-Length: 4000"
        writer.write(f"{head}{size}\r\n\r\n".encode())
        async for part in parts():
            writer.write(b"64\r\n" + part + b"\r\n" if chunked else part)
        await writer.drain()
        assert b"413" in await reader.readline()
        body = (await reader.read()).partition(b"\r\n\r\n")[2]
        assert json.loads(body)["reason"] == "BODY_TOO_LARGE"
        writer.close()


@shares_service
@pytest.mark.parametrize("given", ["abc", "0", "-1", "1.5", "9" * 30, "%00", "null", "1e3"])
async def test_an_id_that_is_none_is_refused(shared_rest, given):
    answer = await shared_rest.http.get(f"/api/v1/listings/{given}")
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid id parameter"
    assert answer.json()["fields"][0]["field"] == "listing_id"


@shares_service
@pytest.mark.parametrize("given", [404, 2**31, 2**63 - 1])
async def test_an_unknown_id_is_not_found(shared_rest, given):
    answer = await shared_rest.http.get(f"/api/v1/listings/{given}")
    assert (answer.status_code, answer.json()["error"]) == (404, "listing not found")


@shares_service
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=101", "limit"),
        ("limit=abc", "limit"),
        ("limit=", "limit"),
        ("offset=-1", "offset"),
        ("offset=99999999999", "offset"),
        ("page=0", "page"),
        ("page=1000000", "offset"),
        ("page_token=forged", "page_token"),
        ("limit=2&title=%ff%fe", "title"),  # not UTF-8, even where nobody reads it
        ("page_token=" + "A" * 2000, "page_token"),
        ("status=gone", "status"),
        ("source_type=shop", "source_type"),
        ("min_price=NaN", "min_price"),
        ("min_price=-1", "min_price"),
        ("max_price=inf", "max_price"),
        ("max_price=cheap", "max_price"),
        ("min_price=2&max_price=1", "min_price"),
        ("user_id=0", "user_id"),
        ("category_id=x", "category_id"),
        ("lang=fr", "lang"),
    ],
)
async def test_a_bad_filter_or_page_names_its_parameter(shared_rest, query, field):
    answer = await shared_rest.http.get(f"/api/v1/listings?{query}")
    assert answer.status_code == 400, answer.text
    assert field in [broken["field"] for broken in answer.json()["fields"]]


@shares_service
@pytest.mark.parametrize("path", ["/api/v1/storefronts/slug/%ff", "/api/v1/listings/search?q=ab%c3"])
async def test_an_address_that_is_not_utf8_is_refused(shared_rest, path):
    answer = await shared_rest.http.get(path)
    assert (answer.status_code, answer.json()["reason"]) == (400, "ADDRESS_NOT_UTF8")


async def test_the_token_of_another_query_is_refused(rest, new_listing):
    for _ in range(3):
        await new_listing()
    first = (await rest.http.get("/api/v1/listings", params={"limit": 2})).json()
    answer = await rest.http.get(
        "/api/v1/listings", params={"limit": 2, "status": "active", "page_token": first["next_page_token"]}
    )
    assert (answer.status_code, answer.json()["reason"]) == (400, "PAGE_TOKEN_MISMATCH")


@shares_service
@pytest.mark.parametrize("path", ["/", "/api", "/api/v1", "/api/v1/nothing", "/api/v1/listings/1/x", "/%ff"])
async def test_an_unknown_path_is_not_found_as_json(shared_rest, path):
    answer = await shared_rest.http.get(path)
    assert (answer.status_code, answer.json()["reason"]) == (404, "ROUTE_NOT_FOUND")


@shares_service
@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/api/v1/listings/1", "DELETE, GET, HEAD, PUT"),
        ("DELETE", "/api/v1/listings", "GET, HEAD, POST"),
        ("POST", "/health", "GET, HEAD"),
        ("TRACE", "/api/v1/categories", "GET, HEAD"),
        ("GET", "/api/v1/images/1", "DELETE"),
    ],
)
async def test_another_method_is_refused_with_those_allowed(shared_rest, method, path, allowed):
    answer = await shared_rest.http.request(method, path)
    assert (answer.status_code, answer.json()["reason"]) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allowed


@shares_service
async def test_request_ids_come_back_or_are_made(shared_rest):
    given = await shared_rest.http.get("/api/v1/listings/404", headers={"x-request-id": "seen-before"})
    assert given.headers["x-request-id"] == "seen-before"
    for bad in ("x" * 200, "täg"):
        made = await shared_rest.http.get(
            "/api/v1/listings/404", headers={"x-request-id": bad.encode("latin-1")}
        )
        assert len(made.headers["x-request-id"]) == 16


async def test_half_characters_are_dropped_like_other_characters_that_cannot_be_stored(rest, new_category):
    text = json.dumps(GOOD | {"title": "Bic\ud800ikl", "category_id": await new_category()})
    answer = await rest.http.post(
        "/api/v1/listings", content=text, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["title"] == "Bicikl"


@shares_service
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/api/v1/listings?limit=abc", "limit should be a valid integer"),
        ("/api/v1/listings?min_price=abc", "min_price should be a valid number"),
        (f"/api/v1/listings?user_id={2**70}", f"user_id should be less than or equal to {2**63 - 1}"),
        (f"/api/v1/listings/search?q={'x' * 201}", "q should have at most 200 characters"),
        ("/api/v1/categories?all=maybe", "all should be a valid boolean"),
        ("/api/v1/categories?lang=de", "lang should be 'en', 'ru' or 'sr'"),
    ],
)
async def test_a_broken_rule_is_told_in_words_of_the_api(shared_rest, path, said):
    answer = await shared_rest.http.get(path)
    assert (answer.status_code, answer.json()["error"]) == (400, said)


@shares_service
async def test_an_empty_list_is_told_what_it_needs(shared_rest):
    answer = await shared_rest.http.patch("/api/v1/listings/1/images/reorder", json={"image_orders": []})
    assert answer.json()["error"] == "image_orders should have at least 1 item"


@shares_service
@pytest.mark.parametrize("number", ["%C2%853", "%203", "3%20", "3%0A", "1_0", "%EF%BC%93"])
async def test_a_number_with_something_around_or_inside_is_none(shared_rest, number):
    for path, field in (
        (f"/api/v1/listings/{number}", "listing_id"),
        (f"/api/v1/listings?limit={number}", "limit"),
        (f"/api/v1/listings?min_price={number}", "min_price"),
    ):
        answer = await shared_rest.http.get(path)
        assert (answer.status_code, answer.json()["fields"][0]["field"]) == (400, field), path
