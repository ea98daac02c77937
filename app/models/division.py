"""China's administrative divisions down to the county, with the codes of GB/T 2260."""

from enum import StrEnum

from sqlalchemy import Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, choice


class DivisionLevel(StrEnum):
    PROVINCE = "province"
    PREFECTURE = "prefecture"
    COUNTY = "county"


class Division(Base):
    """A province, prefecture or county. One that is no more names in `now` the code of what it has become.

    `until` is the year in which a former one ended, where that is known.
    """

    __tablename__ = "divisions"
    __table_args__ = (PrimaryKeyConstraint("code", "name"), Index(None, "parent_code", "code"))

    code: Mapped[str]
    name: Mapped[str]
    level: Mapped[DivisionLevel] = mapped_column(choice(DivisionLevel))
    parent_code: Mapped[str | None]
    pinyin: Mapped[str]
    now: Mapped[str | None]
    until: Mapped[int | None]
    source: Mapped[str]
