"""Which column of a file holds what, kept by name."""

from typing import Annotated

from fastapi import Path

from app.models.import_file import ImportMapping
from app.roles import Scope
from app.routers.deps import Reading, Session, Tag, holder_of
from app.routers.routes import CourierRouter
from app.schemas.import_file import ImportMappingPut, ImportMappingRead, MappingName
from app.security import Principal
from app.services.imports import requests

router = CourierRouter(prefix="/import-mappings", tags=["imports"])

Importer = Annotated[Principal, holder_of(Scope.IMPORTS_WRITE)]
Name = Annotated[MappingName, Path()]


@router.get("/{mapping_name}", summary="Read a column mapping", response_model=ImportMappingRead)
async def get_import_mapping(mapping_name: Name, tag: Tag, _: Importer, session: Reading) -> ImportMapping:
    """Headings that are known anyway need not stand in it."""
    mapping = await ImportMapping.fetch(session, mapping_name)
    tag.settle(mapping.version)
    return mapping


@router.put("/{mapping_name}", summary="Keep a column mapping", response_model=ImportMappingRead)
async def put_import_mapping(
    mapping_name: Name, body: ImportMappingPut, tag: Tag, actor: Importer, session: Session
) -> ImportMapping:
    """Makes it, or replaces it as a whole; imports that were begun keep the columns they began with."""
    mapping = await requests.keep_mapping(session, actor, mapping_name, body)
    tag.settle(mapping.version)
    return mapping
