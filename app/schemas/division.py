"""Divisions of China, as they come in and go out."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from app.models.division import DivisionLevel
from app.schemas.base import Read

DivisionCode = Annotated[
    str, Field(pattern=r"^[1-9][0-9]{5}$", examples=["330106"], description="GB/T 2260, six digits")
]


class DivisionQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    parent: Annotated[
        DivisionCode | None, Field(description="Of these the divisions right below; the provinces without it")
    ] = None


class DivisionRead(Read):
    code: DivisionCode
    name: str
    pinyin: str
    level: DivisionLevel
    parent_code: DivisionCode | None
