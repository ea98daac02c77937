"""From a filter, which is data, to one condition on customers. Values travel as parameters, names are ours."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_, select, true

from app.models.customer import Consent, Customer, CustomerAddress
from app.models.shipment import Shipment
from app.schemas import segment_filter as language
from app.services import customers, rfm, verification

Condition = ColumnElement[bool]


def compiled(filter_: Any) -> Condition:
    """The condition that a filter puts on a customer of the enclosing statement.

    It may be unknown where a customer lacks what is asked about; `not` counts that as no.
    """
    return _CONDITIONS[type(filter_)](filter_)


def _all(branch: language.All) -> Condition:
    return and_(true(), *map(compiled, branch.of))


def _any(branch: language.Either) -> Condition:
    return or_(false(), *map(compiled, branch.of))


def _not(branch: language.Not) -> Condition:
    return compiled(branch.of).is_not(true())


def _one_of(column: Any, values: Sequence[Any]) -> Condition:
    known = column.in_([value for value in values if value is not None])
    return or_(known, column.is_(None)) if None in values else known


def _division(test: language.InDivision) -> Condition:
    prefixes = [_prefix(code) for code in test.any_of]
    return (
        select(CustomerAddress.id)
        .where(
            CustomerAddress.customer_id == Customer.id,
            or_(*(CustomerAddress.division_code.startswith(prefix, autoescape=True) for prefix in prefixes)),
        )
        .exists()
    )


def _prefix(code: str) -> str:
    """What the codes of everything within a division begin with."""
    while code.endswith("00"):
        code = code[:-2]
    return code


def _need(test: language.Needs) -> Condition:
    need = func.unnest(Customer.needs).column_valued("need")
    found = select(need).where(need.icontains(test.contains, autoescape=True))
    return found.correlate(Customer).exists()


def _consent(test: language.Consented) -> Condition:
    lasts = or_(Consent.until.is_(None), Consent.until > func.now())
    latest = (
        select(and_(Consent.given, lasts))
        .where(
            Consent.customer_id.in_(customers.and_merged(Customer.id)),
            Consent.channel == test.channel,
            Consent.purpose == test.purpose,
        )
        .order_by(Consent.given_at.desc(), Consent.id.desc())
        .limit(1)
    )
    return latest.correlate(Customer).scalar_subquery().is_(true())


def _since(test: language.Since) -> Condition:
    moment = _MOMENTS[test.test]()
    wanted = []
    if test.from_ is not None:
        wanted.append(moment >= test.from_)
    if test.until is not None:
        wanted.append(moment < test.until)
    if test.within_days is not None:
        wanted.append(moment >= _days_ago(test.within_days))
    if test.before_days is not None:
        wanted.append(moment < _days_ago(test.before_days))
    return and_(true(), *wanted)


def _days_ago(days: int) -> ColumnElement[Any]:
    return func.now() - func.make_interval(0, 0, 0, days)


_MOMENTS: dict[str, Callable[[], Any]] = {
    "created": lambda: Customer.created_at,
    "first_shipment": lambda: _of_shipments(func.min(Shipment.created_at), None),
    "last_shipment": lambda: _of_shipments(func.max(Shipment.created_at), None),
}


def _of_shipments(figure: Any, days: int | None) -> Any:
    statement = select(figure).where(Shipment.customer_id.in_(customers.and_merged(Customer.id)))
    if days is not None:
        statement = statement.where(Shipment.created_at >= _days_ago(days))
    return statement.correlate(Customer).scalar_subquery()


def _shipments(test: language.Shipments) -> Condition:
    count = _of_shipments(func.count(), test.days)
    most = true() if test.at_most is None else count <= test.at_most
    return and_(count >= test.at_least, most)


def _freight(test: language.Freight) -> Condition:
    of_currency = Shipment.freight_currency == test.at_least.currency
    total = func.coalesce(func.sum(Shipment.freight_amount).filter(of_currency), 0)
    return _of_shipments(total, test.days) >= test.at_least.amount  # type: ignore[no-any-return]


def _rfm(test: language.InRfmClass) -> Condition:
    everybody = select(Customer.id).where(Customer.merged_into_id.is_(None)).correlate(None)
    row = rfm.scored(test.days, test.currency, everybody)
    classes = [each.value for each in test.any_of]
    return Customer.id.in_(select(row.c.customer_id).where(row.c.rfm_class.in_(classes)))


def _stale(test: language.Stale) -> Condition:
    return verification.staleness().between(test.at_least, test.at_most)


_CONDITIONS: dict[type[Any], Callable[[Any], Condition]] = {
    language.All: _all,
    language.Either: _any,
    language.Not: _not,
    language.OfKind: lambda test: Customer.kind.in_(test.any_of),
    language.InState: lambda test: Customer.state.in_(test.any_of),
    language.OfTier: lambda test: _one_of(Customer.tier, test.any_of),
    language.FromSource: lambda test: _one_of(Customer.source, test.any_of),
    language.OwnedBy: lambda test: _one_of(Customer.owner_id, test.any_of),
    language.OfTeam: lambda test: _one_of(Customer.team_id, test.any_of),
    language.InDivision: _division,
    language.Needs: _need,
    language.Consented: _consent,
    language.Since: _since,
    language.Shipments: _shipments,
    language.Freight: _freight,
    language.InRfmClass: _rfm,
    language.Stale: _stale,
}
