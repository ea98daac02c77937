"""What schemathesis has to know about this API: whose token it brings, and what no schema can say."""

import os
import re
from typing import Any
from uuid import uuid4

import jsonschema_rs
import requests
import schemathesis
from schemathesis.checks import CheckContext, load_all_checks
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

load_all_checks()

EXAMPLE_OF_A_KEY = "order-4711"
"""Stands for a fresh one each time; else all but the first request with it would be refused."""

WRITTEN_OUT = {"batch", "counts"}
"""Beside `/v1/shipments/{tracking_no}` there are paths of these names, which come first."""

FOR_A_CUSTOMER = {("POST", "/v1/orders"), ("POST", "/v1/shipments")}
"""Take `customer_id` or `customer_code`; two in three drawn bodies would be refused for that."""

LAWS = {
    r"The grant lacks its name or secret|Name or secret is wrong": "a schema can't say who there is",
    r"tells of no exception": "what a code means stands in the code table",
    r"There is no |The customer has no such |No source uses a list": "whether a row exists is known to the database alone",
    r"This cursor is not one of ours": "only the server makes cursors; they are sealed",
    r"This key was used for another request": "an Idempotency-Key stands for the request it came with first",
    r"who was not reached has accepted nothing": "a schema can't compare two fields",
    r"give either customer_id or customer_code": "as oneOf, the generator of Python clients loses the other fields",
    r"can't be merged with itself": "a schema can't compare the body with the path",
    r"Name two customers": "a schema can't compare two fields",
    r"name a customer or a complaint": "as oneOf, the generator of Python clients loses the other fields",
    r"Say for which of your customers|name the contact": "whose parcels they are, and of what kind, the database knows",
    r"the owner is not a matter of proposals": "what is proposed has the schema of the change",
    r"The file is empty": "a schema can't say how long a file is",
    r"can't be given in the future": "a schema doesn't know what time it is",
    r"later than now|A pause ends after it begins": "a schema doesn't know what time it is, or was",
    r"can't begin before version": "which versions there are is known to the database alone",
    r"a name holds no separators, control or hidden": "patterns of JSON Schema don't know Unicode's categories",
    r"must come after": "a schema can't compare two fields",
    r"give from and to both as dates or both as instants": "a schema can't compare two fields",
    r"(dispatch|partner) client has": "which fields a client needs hangs on its role",
    r"are roles of machines": "a role list is one code list, for people and machines",
    r"only (times|days) from 1901 to 2199": "a format has no bounds, and a pattern would replace it",
    r"The owner must be an active colleague": "who works here is known to the database alone",
    r"this is no (phone|email|wechat)": "what an address looks like hangs on its kind",
    r"can only be of one of both": "which fields can be put together hangs on the field",
    r"a column stands here twice": "what is generated for a list says nothing of repeats",
    r"^/body/mapping .*match pattern": "a form's field is a mapping or the name of one",
    r"a dynamic segment has a filter, a static one has none": "whether there is a filter hangs on the kind",
    r"say when: from, until, within_days or before_days": "what is generated for optional fields asks for none of them",
    r"a heading stands here twice": "a schema can't compare one field of several items",
    r"propose at least one change": "minProperties beside a reference loses the fields in generated clients",
    r"a filter has at most 60 tests": "a schema can't count what is nested",
    r"The file is not what its name says": "a schema can't look into a file",
    r"ends before it begins|begins past midnight|is longer than a day|of this day overlap": "a schema can't compare times of day",
    r"give either seconds or end": "as oneOf, the generator of Python clients loses the other fields",
    r"end comes before start": "a schema can't compare two fields",
    r"it has no working time in reach": "a schema can't count working time",
    r"name a calendar for working time and for days off": "whether there is a calendar hangs on how time is counted",
    r"only whole days move past days off|a limit of days has at most|whole days run on": "what a limit may say hangs on how time is counted",
    r"statutory limit is never paused": "whether it may be paused hangs on the kind",
    r"It ends on a later day than the one on which it begins": "when it began is known to the database alone",
    r"no such time zone": "the list of zones is IANA's, not ours",
    r"a string holds a NUL|out of range or holds a NUL": "PostgreSQL stores none; every pattern would have to say it",
    r"^/path/(client_id|code_id) Input should be a valid UUID": "an inferred link takes a name for the id",
}
"""Refusals of requests that fit the schema: what is said, and why the schema does not."""

DESCRIPTION: dict[str, Any] = {}
"""The description of the API, once it is read."""

STATE = {412: "the version in If-Match is not the current one"}
"""Statuses that depend on what is stored, besides 404 and 409, which schemathesis knows itself."""


@schemathesis.hook
def before_load_schema(_context: Any, raw: dict[str, Any]) -> None:
    """Schemathesis tries operations without a token only where the scheme is a plain bearer's."""
    raw["components"]["securitySchemes"]["oauth2"] = {"type": "http", "scheme": "bearer"}
    DESCRIPTION.update(raw)


@schemathesis.hook
def before_call(_context: Any, case: schemathesis.Case, _arguments: dict[str, Any]) -> None:
    """Steer clear of what would make the rest of the request meaningless."""
    if (case.headers or {}).get("idempotency-key") == EXAMPLE_OF_A_KEY:
        case.headers["idempotency-key"] = str(uuid4())
    if (case.path_parameters or {}).get("tracking_no") in WRITTEN_OUT:
        case.path_parameters["tracking_no"] = "NOBODY"
    if (case.method, case.path) in FOR_A_CUSTOMER and case.meta and case.meta.generation.mode.is_positive:
        _name_one_customer(case.body)


def _name_one_customer(body: Any) -> None:
    """A customer of the demo's, where the body names none or two, and none of its orders."""
    if isinstance(body, dict) and (body.get("customer_id") is None) == (body.get("customer_code") is None):
        body |= {"customer_id": None, "customer_code": "QINGHE"}
        body.pop("order_id", None)


@schemathesis.auth()
class Bearer:
    """The first of the tokens given that still holds: an admin who is fuzzed takes accounts away, also its own."""

    def get(self, _case: schemathesis.Case, _context: Any) -> str:
        for token in os.environ["CRM_TOKENS"].split():
            url, headers = f"{os.environ['CRM_URL']}/v1/me", {"Authorization": f"Bearer {token}"}
            if requests.get(url, headers=headers, timeout=30).status_code != requests.codes.unauthorized:
                return token
        raise RuntimeError("no token holds any more; give the run more of them")

    def set(self, case: schemathesis.Case, token: str, _context: Any) -> None:
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.check
def valid_data_is_taken(
    context: CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """As schemathesis' own check, apart from refusals by LAWS."""
    if response.status_code in STATE or (response.status_code in {400, 422} and _by_law(response.json())):
        return
    positive_data_acceptance(context, response, case)


@schemathesis.check
def invalid_data_is_refused(
    context: CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """As schemathesis' own check, apart from bodies that are right but for the blanks around texts: they are cut off."""
    stripped = _stripped(case.body)
    if stripped == case.body or not _fits(case, stripped):
        negative_data_rejection(context, response, case)


def _stripped(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stripped(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_stripped(each) for each in value]
    return value.strip() if isinstance(value, str) else value


def _fits(case: schemathesis.Case, body: Any) -> bool:
    """Whether the operation's schema takes this body; a method that the path does not have takes none."""
    operation = DESCRIPTION["paths"][case.path].get(case.method.lower(), {})
    content = operation.get("requestBody", {}).get("content", {})
    schema = content[case.media_type]["schema"] if case.media_type in content else False
    whole = {"components": DESCRIPTION["components"], "allOf": [schema]}
    return bool(jsonschema_rs.is_valid(whole, body, validate_formats=True))


def _by_law(problem: dict[str, Any]) -> bool:
    said = [f"{each.get('pointer', '')} {each['detail']}" for each in problem.get("errors") or [problem]]
    return all(any(re.search(law, each) for law in LAWS) for each in said)
