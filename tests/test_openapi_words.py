"""What the description shows is true: its examples fit, its words are labelled, what it creates can be read."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter

import app
from app.demo import throwaway_settings
from app.main import create_app

CODES = json.loads((Path(app.__file__).parent / "reference/codes.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def described() -> FastAPI:
    return create_app(throwaway_settings())


def inside(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON document."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inside(child)


def shown(described: FastAPI) -> Iterator[tuple[APIRoute, dict[str, Any]]]:
    """Each route with the operation that describes it."""
    paths = described.openapi()["paths"]
    for context in iter_route_contexts(described.routes):
        route = context.original_route
        if isinstance(route, APIRoute) and context.path_format in paths:
            for method in context.methods or ():
                yield route, paths[context.path_format][method.lower()]


def example(content: dict[str, Any]) -> Any:
    (each,) = content["content"].values()
    return each["example"]


def test_every_body_that_is_shown_would_be_taken(described: FastAPI) -> None:
    bodies = [(route, operation) for route, operation in shown(described) if "requestBody" in operation]
    assert len(bodies) > 20
    for route, operation in bodies:
        if route.body_field is not None and "application/json" in operation["requestBody"]["content"]:
            model: Any = route.body_field.field_info.annotation
            TypeAdapter(model).validate_python(example(operation["requestBody"]))


def test_every_answer_that_is_shown_could_be_given(described: FastAPI) -> None:
    for route, operation in shown(described):
        (answer,) = (each for status, each in operation["responses"].items() if status[0] == "2")
        if "application/json" in answer.get("content", {}):
            model: Any = route.response_model
            TypeAdapter(model).validate_python(example(answer))


def test_every_parameter_is_shown_by_an_example_but_cursors(described: FastAPI) -> None:
    for _, operation in shown(described):
        for parameter in operation.get("parameters", []):
            assert ("example" in parameter) == (parameter["name"] != "cursor"), operation["operationId"]


def test_every_enumeration_is_a_code_list(described: FastAPI) -> None:
    schemas = described.openapi()["components"]["schemas"]
    assert [
        name for name, schema in schemas.items() if "enum" in schema and "x-code-list" not in schema
    ] == []


def test_every_word_of_a_code_list_is_labelled_in_both_languages(described: FastAPI) -> None:
    labelled = defaultdict(set)
    for row in CODES:
        if row["zh"].strip() and row["en"].strip():
            labelled[row["list"]].add(row["code"])
    named = [schema for schema in inside(described.openapi()) if "x-code-list" in schema]
    assert {schema["x-code-list"] for schema in named} == labelled.keys()
    for schema in named:
        assert set(schema.get("enum", [])) <= labelled[schema["x-code-list"]], schema


def test_whatever_is_created_links_to_where_it_is_read(described: FastAPI) -> None:
    links = [
        (operation["operationId"], link["operationId"], link["parameters"])
        for _, operation in shown(described)
        for link in operation["responses"].get("201", {}).get("links", {}).values()
    ]
    assert ("create_order", "get_order", {"order_id": "$response.body#/id"}) in links
    assert ("create_shipment", "get_shipment", {"tracking_no": "$response.body#/tracking_no"}) in links


def test_no_parameter_claims_that_it_may_be_null(described: FastAPI) -> None:
    for _, operation in shown(described):
        for parameter in operation.get("parameters", []):
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []), operation["operationId"]
