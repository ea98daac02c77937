"""The description of the API is current, whole, and good enough to generate clients from."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import __version__
from app.demo import throwaway_settings
from app.main import create_app
from app.roles import Scope
from app.schemas.base import Body
from app.services.documents import kinds

COMMITTED = Path(__file__).resolve().parents[1] / "openapi/v1.json"
METHODS = {"get", "post", "put", "patch", "delete"}
FILES = {
    "get_document_content": set(kinds.media_types()),
    "get_complaint_attachment_content": set(kinds.media_types()),
    "get_complaint_report_pdf": {"application/pdf"},
    "get_import_errors": {"text/csv"},
    "get_export_file": {
        "text/csv",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    },
}
"""Operations that answer a file."""
OPEN = {
    "create_token",
    "look_at_confirmation",
    "answer_confirmation",
    "revoke_token",
    "check_liveness",
    "check_readiness",
    "read_jwks",
    "list_problem_types",
    "get_problem_type",
}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    return create_app(throwaway_settings()).openapi()


def operations(spec: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in spec["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_the_committed_description_is_current(spec: dict[str, Any]) -> None:
    assert json.loads(COMMITTED.read_text("utf-8")) == spec, "run `make openapi` and commit openapi/v1.json"


def test_it_is_openapi_3_1_of_this_version(spec: dict[str, Any]) -> None:
    assert spec["openapi"].startswith("3.1.")
    assert spec["info"]["version"] == __version__
    assert spec["servers"] == [{"url": "/"}]
    assert {method for _, method, _ in operations(spec)} <= METHODS


def test_every_operation_is_named_after_its_function_and_once_only(spec: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(spec)]
    assert len(names) == len(set(names)) >= 50
    for name in names:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name), name


def test_every_operation_has_a_summary_a_description_and_a_tag(spec: dict[str, Any]) -> None:
    for path, method, operation in operations(spec):
        assert operation.get("summary"), (method, path)
        assert operation.get("description"), (method, path)
        assert len(operation.get("tags", [])) == 1, (method, path)


def test_paths_are_kebab_case_and_fields_snake_case(spec: dict[str, Any]) -> None:
    for path in spec["paths"]:
        assert re.fullmatch(r"(/(\.?[a-z0-9]+([-._][a-z0-9]+)*|\{[a-z_]+\}))+", path), path
    for name, schema in spec["components"]["schemas"].items():
        for field in schema.get("properties", {}):
            assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", field), (name, field)


def test_every_error_is_a_problem_document(spec: dict[str, Any]) -> None:
    shared = spec["components"]["responses"]
    for path, method, operation in operations(spec):
        errors = {code: answer for code, answer in operation["responses"].items() if code[0] in "45"}
        errors.pop("503" if path == "/health/ready" else "", None)
        assert errors, (method, path)
        for code, answer in errors.items():
            content = shared[answer["$ref"].rpartition("/")[2]]["content"]
            assert content.keys() == {"application/problem+json"}, (method, path, code)
            assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert "HTTPValidationError" not in spec["components"]["schemas"]


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("read_jwks", "200 5XX"),
        ("create_token", "200 400 401 413 422 429 5XX"),
        ("get_problem_type", "200 404 422 5XX"),
        ("look_at_confirmation", "200 404 422 429 5XX"),
        ("answer_confirmation", "200 404 413 415 422 429 5XX"),
        ("list_departments", "200 401 403 404 422 429 5XX"),
        ("get_customer", "200 304 308 401 403 404 422 429 5XX"),
        ("search_customers", "200 401 403 404 413 415 422 429 5XX"),
        ("create_customer", "201 401 403 404 409 413 415 422 429 5XX"),
        ("change_customer", "200 401 403 404 409 412 413 415 422 428 429 5XX"),
        ("disable_user", "200 401 403 404 409 413 422 429 5XX"),
        ("push_tracking_event", "202 401 403 404 413 415 422 429 5XX"),
    ],
)
def test_an_operation_lists_the_answers_it_can_give_and_no_others(
    spec: dict[str, Any], name: str, statuses: str
) -> None:
    found = {operation["operationId"]: operation["responses"] for _, _, operation in operations(spec)}
    assert " ".join(found[name]) == statuses


def test_every_operation_says_what_it_answers(spec: dict[str, Any]) -> None:
    for path, method, operation in operations(spec):
        good = {code: answer for code, answer in operation["responses"].items() if code[0] == "2"}
        assert len(good) == 1, (method, path)
        (answer,) = good.values()
        assert answer["description"]
        if operation["operationId"] in FILES:
            assert answer["content"].keys() <= FILES[operation["operationId"]], (method, path)
        elif path != "/v1/auth/revoke" and "204" not in good:
            assert answer["content"]["application/json"]["schema"], (method, path)


def test_every_operation_declares_its_scopes_or_is_open_by_intent(spec: dict[str, Any]) -> None:
    known = {scope.value for scope in Scope}
    for path, method, operation in operations(spec):
        if operation["operationId"] in OPEN:
            assert operation["security"] == [], (method, path)
            continue
        (requirement,) = operation["security"]
        assert requirement["oauth2"], (method, path)
        assert set(requirement["oauth2"]) <= known
    flows = spec["components"]["securitySchemes"]["oauth2"]["flows"]
    assert flows.keys() == {"password", "clientCredentials"}
    assert {flow["tokenUrl"] for flow in flows.values()} == {"/v1/auth/token"}
    assert set(flows["password"]["scopes"]) == known


def test_every_reference_leads_somewhere_and_every_schema_is_used(spec: dict[str, Any]) -> None:
    text = json.dumps(spec)
    used = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', text))
    assert used == spec["components"]["schemas"].keys()


def test_no_two_schemas_share_a_name(spec: dict[str, Any]) -> None:
    """FastAPI would put their modules in front, and clients would lose one of them."""
    assert [name for name in spec["components"]["schemas"] if "__" in name] == []


def test_every_parameter_in_a_path_is_described_and_typed(spec: dict[str, Any]) -> None:
    for path, method, operation in operations(spec):
        named = set(re.findall(r"\{([a-z_]+)\}", path))
        declared = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        assert declared == named, (method, path)
        for parameter in operation.get("parameters", []):
            assert parameter["schema"].keys() & {"type", "anyOf", "$ref", "enum"}, (method, path, parameter)


def test_every_list_takes_the_same_parameters(spec: dict[str, Any]) -> None:
    for path, _, operation in operations(spec):
        names = {each["name"] for each in operation.get("parameters", [])}
        if "cursor" in names:
            assert names >= {"limit", "cursor", "count"}, path
            limit = next(each["schema"] for each in operation["parameters"] if each["name"] == "limit")
            assert (limit["minimum"], limit["maximum"], limit["default"]) == (1, 200, 50)


def test_every_change_asks_for_the_tag(spec: dict[str, Any]) -> None:
    patches = [operation for _, method, operation in operations(spec) if method == "patch"]
    assert patches
    for operation in patches:
        assert "if-match" in {each["name"] for each in operation["parameters"]}


def test_every_body_is_documented_and_shown_by_an_example(spec: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]
    for path, method, operation in operations(spec):
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            if kind != "application/json":
                continue
            name = content["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name].get("examples"), (method, path, name)


def test_every_example_of_a_body_fits_its_schema() -> None:
    """An example that the API would refuse teaches the wrong thing."""
    tried = 0
    for model in every_subclass(Body):
        extra = model.model_config.get("json_schema_extra")
        for example in extra.get("examples", []) if isinstance(extra, dict) else []:
            model.model_validate(example)
            tried += 1
    assert tried >= 15


def every_subclass(model: Any) -> Iterator[Any]:
    for child in model.__subclasses__():
        yield child
        yield from every_subclass(child)


def test_bodies_refuse_what_they_do_not_name(spec: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]
    for path, method, operation in operations(spec):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if content:
            name = content["schema"]["$ref"].rpartition("/")[2]
            assert schemas[name]["additionalProperties"] is False, (method, path)
