"""Long work and how far it has come."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Query

from app.models.job import Job
from app.paging import Page, paginate
from app.roles import Scope
from app.routers.deps import OnceSession, Reading, holder_of
from app.routers.routes import CourierRouter
from app.schemas.job import JobQuery, JobRead
from app.security import Principal
from app.services import jobs

router = CourierRouter(prefix="/jobs", tags=["jobs"])

Reader = Annotated[Principal, holder_of(Scope.JOBS_READ)]


@router.get("", summary="List jobs", response_model=Page[JobRead])
async def list_jobs(query: Annotated[JobQuery, Query()], _: Reader, session: Reading) -> dict[str, Any]:
    """The newest first."""
    return await paginate(session, jobs.search(), query)


@router.get("/{job_id}", summary="Read a job", response_model=JobRead)
async def get_job(job_id: UUID, _: Reader, session: Reading) -> Job:
    """State and progress."""
    return await Job.fetch(session, job_id)


@router.post("/{job_id}/cancel", summary="Cancel a job", response_model=JobRead)
async def cancel_job(job_id: UUID, _: Reader, session: OnceSession) -> Job:
    """A running job stops at its next step; what it has done stays."""
    return await jobs.cancel(session, job_id)
