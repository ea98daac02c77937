"""Figures, with what they are made of."""

from typing import Annotated, Any

from fastapi import Query

from app.paging import Page
from app.roles import Scope
from app.routers.deps import Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.kpi import (
    DefinitionRead,
    KpiQuery,
    KpiRow,
    KpiRowsQuery,
    KpiValues,
    OnTimeQuery,
    OnTimeRead,
)
from app.security import Principal
from app.services.kpis import measuring, on_time

router = CourierRouter(prefix="/kpis", tags=["kpis"])

Reader = Annotated[Principal, holder_of(Scope.KPIS_READ)]
CaseReader = Annotated[Principal, holder_of(Scope.KPIS_READ, Scope.COMPLAINTS_READ)]


@router.get("", summary="What the figures mean", response_model=list[DefinitionRead])
async def list_kpis(_: Reader, session: Reading) -> list[dict[str, Any]]:
    """Every version of every definition, with published figures to compare with."""
    return await measuring.definitions(session)


@router.get("/on_time/values", summary="On-time delivery", response_model=OnTimeRead)
async def read_on_time(query: Annotated[OnTimeQuery, Query()], _: Reader, session: Reading) -> dict[str, Any]:
    """By promise date, raw and adjusted; what the adjustment leaves out is counted."""
    return await on_time.measured(session, query)


@router.get("/{kpi_name}/values", summary="A figure", response_model=KpiValues)
async def read_kpi(
    kpi_name: str, query: Annotated[KpiQuery, Query()], _: Reader, session: Reading
) -> dict[str, Any]:
    """In whole and by group. With `as_of`, as it was known then: it is counted from when things happened."""
    return await measuring.values(session, kpi_name, query)


@router.get("/{kpi_name}/rows", summary="The cases behind a figure", response_model=Page[KpiRow])
async def list_kpi_rows(
    kpi_name: str, query: Annotated[KpiRowsQuery, Query()], _: CaseReader, session: Reading
) -> dict[str, Any]:
    """Each case with what it counts as; the figure is made of these and no others."""
    return await measuring.rows(session, kpi_name, query)
