"""The page for people at `/docs`: every endpoint, readable without scripts, callable with them.

Rendered once from the OpenAPI document. Style and script come from this package: the page works on a
machine without internet, and its content policy allows nothing from elsewhere.
"""

from __future__ import annotations

import json
from functools import cache
from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from listings.transport.rest.document import describe
from listings.transport.rest.route import EdgeRoute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

Json = dict[str, Any]

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
_ASSETS: Final = {"docs.css": "text/css", "docs.js": "text/javascript"}
_WITH_BODY: Final = frozenset({"post", "put", "patch"})


router = APIRouter(route_class=EdgeRoute, include_in_schema=False)


@router.get("/docs", name="docs")
async def show_docs(request: Request) -> HTMLResponse:
    """Show every endpoint to people."""
    return HTMLResponse(_page_of(request.app), headers=_HEADERS)


@cache
def _page_of(app: FastAPI) -> str:
    return page(describe(app))


def _asset(content: bytes, kind: str) -> Any:
    async def show() -> Response:
        return Response(content, media_type=kind, headers={"Cache-Control": "max-age=300"})

    return show


for _name, _kind_of in _ASSETS.items():
    _content = (files("listings.transport.rest") / "static" / _name).read_bytes()
    router.add_api_route(f"/docs/{_name}", _asset(_content, _kind_of), name="docs")


def page(document: Json) -> str:
    """The whole page."""
    info = document["info"]
    groups: dict[str, list[str]] = {tag["name"]: [] for tag in document["tags"]}
    links: dict[str, list[str]] = {name: [] for name in groups}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation["tags"][0]
            groups[tag].append(_operation(document, path, method, operation))
            links[tag].append(
                f'<li><a href="#{operation["operationId"]}"><b class="{method}">{method.upper()}</b>'
                f"<span>{escape(_short(path))}</span></a></li>"
            )
    navigation = "".join(
        f'<h2><a href="#{name}">{name}</a></h2><ul>{"".join(found)}</ul>' for name, found in links.items()
    )
    sections = "".join(
        f'<section id="{tag["name"]}"><h2>{tag["name"]}</h2><p>{escape(tag["description"])}</p>'
        f"{''.join(groups[tag['name']])}</section>"
        for tag in document["tags"]
    )
    about = "".join(f"<p>{_words(part)}</p>" for part in info["description"].split("\n\n"))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(info["title"])} API</title>
<link rel="stylesheet" href="/docs/docs.css">
<script src="/docs/docs.js" defer></script>
</head>
<body>
<nav aria-label="Endpoints"><a class="home" href="#top">{escape(info["title"])} <small>{escape(info["version"])}</small></a>
{navigation}<h2><a href="#shapes">Shapes</a></h2></nav>
<main id="top">
<h1>{escape(info["summary"])}</h1>
{about}
<p class="links"><a href="/openapi.json">openapi.json</a> <a href="/health">health</a> <a href="/metrics">metrics</a></p>
<p class="token" hidden><label for="token">Bearer token</label> <input id="token" autocomplete="off" spellcheck="false"
placeholder="sent with every request of this page; kept by this tab alone"></p>
{sections}
<section id="shapes"><h2>Shapes</h2><p>The JSON that requests and answers are made of.</p>{_shapes(document)}</section>
</main>
</body>
</html>
"""


def _operation(document: Json, path: str, method: str, operation: Json) -> str:
    """One endpoint: a line that opens into its parameters, answers and a form to call it."""
    parameters = operation.get("parameters", [])
    body = _body_schema(operation) if method in _WITH_BODY else None
    lock = ' <i title="may need a bearer token">token</i>' if "security" in operation else ""
    return (
        f'<details id="{operation["operationId"]}"><summary><b class="{method}">{method.upper()}</b>'
        f"<code>{escape(path)}</code><span>{_words(operation['summary'])}{lock}</span></summary>"
        f'<div class="inside">{_note(operation)}'
        f'<form data-method="{method.upper()}" data-path="{escape(path)}">'
        f"{''.join(_input(parameter) for parameter in parameters)}"
        f"{_body_input(document, body) if body else ''}"
        f'<p class="act" hidden><button>Call</button> <output></output></p></form>'
        f'<h4>Answers</h4><table class="answers">{"".join(_answers(operation))}</table></div></details>'
    )


def _note(operation: Json) -> str:
    return f"<p>{_words(operation['description'])}</p>" if "description" in operation else ""


def _input(parameter: Json) -> str:
    """A row of a form: a parameter's name, field, type and meaning."""
    schema = parameter["schema"]
    name, required = escape(parameter["name"]), parameter.get("required", False)
    identity = f'name="{name}" data-in="{parameter["in"]}"{" required" if required else ""}'
    choices = _choices(schema)
    if choices:
        options = "".join(f"<option>{escape(str(choice))}</option>" for choice in ["", *choices])
        field = f"<select {identity}>{options}</select>"
    else:
        hint = "" if schema.get("default") in {None, ""} else escape(str(schema["default"]))
        field = f'<input {identity} placeholder="{hint}" autocomplete="off">'
    told = _words(parameter.get("description", ""))
    mark = "<sup>*</sup>" if required else ""
    return f"<label><span>{name}{mark}</span>{field}<small>{_kind(schema)}{' · ' + told if told else ''}</small></label>"


def _body_input(document: Json, schema: Json) -> str:
    example = json.dumps(_example(document, schema), ensure_ascii=False, indent=2)
    rows = example.count("\n") + 1
    return (
        f'<label class="body"><span>body</span><textarea name="body" rows="{rows}" spellcheck="false">'
        f"{escape(example)}</textarea><small>{_kind(schema)}</small></label>"
    )


def _answers(operation: Json) -> Iterator[str]:
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json", {}).get("schema")
        kind = "good" if status.startswith("2") else "bad"
        yield (
            f'<tr><td class="{kind}">{status}</td><td>{_words(response["description"])}</td>'
            f"<td>{_kind(content) if content else ''}</td></tr>"
        )


def _shapes(document: Json) -> str:
    found = []
    for name, schema in sorted(document["components"]["schemas"].items()):
        required = set(schema.get("required", []))
        rows = "".join(
            f"<tr><td><code>{escape(key)}</code>{'' if key in required else ' <i>may be absent</i>'}</td>"
            f"<td>{_kind(value)}</td><td>{_words(value.get('description', ''))}</td></tr>"
            for key, value in schema.get("properties", {}).items()
        )
        if not rows:
            rows = f"<tr><td>{', '.join(map(str, schema.get('enum', [])))}</td></tr>"
        about = _words(schema.get("description", ""))
        found.append(
            f'<article id="shape-{name}"><h3>{name}</h3><p>{about}</p><table>{rows}</table></article>'
        )
    return "".join(found)


def _body_schema(operation: Json) -> Json | None:
    content = operation.get("requestBody", {}).get("content", {})
    schema: Json | None = content.get("application/json", {}).get("schema")
    return schema


def _kind(schema: Json) -> str:
    """A schema's type in a few words, linked where it is a shape."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#shape-{name}">{name}</a>'
    variants = [_kind(variant) for variant in schema.get("anyOf", []) if variant.get("type") != "null"]
    if variants:
        return " or ".join(variants)
    if schema.get("type") == "array":
        return f"list of {_kind(schema['items'])}"
    if "enum" in schema:
        return " | ".join(escape(str(choice)) for choice in schema["enum"])
    return escape(str(schema.get("format") or schema.get("type") or "any"))


def _choices(schema: Json) -> list[Any]:
    for variant in [schema, *schema.get("anyOf", [])]:
        if "enum" in variant:
            return list(variant["enum"])
        if variant.get("type") == "boolean":
            return ["true", "false"]
    return []


def _example(document: Json, schema: Json) -> Any:
    """A body to begin with: examples and defaults where the schema has them, required keys only."""
    if "$ref" in schema:
        return _example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0])
    if "examples" in schema:
        return schema["examples"][0]
    if "properties" in schema:
        required = schema.get("required", [])
        shown = [key for key in schema["properties"] if key in required or key == "user_id"]
        return {key: _example(document, schema["properties"][key]) for key in shown}
    if schema.get("type") == "array":
        return [_example(document, schema["items"])]
    return {"integer": 1, "number": 1.0, "string": "", "boolean": False}.get(schema.get("type", ""))


def _words(text: str) -> str:
    """A sentence with its `code` marked up."""
    parts = escape(text).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def _short(path: str) -> str:
    return path.removeprefix("/api/v1")
