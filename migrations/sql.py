"""Writes each migration's SQL into a file of its own, for squawk: `python migrations/sql.py DIRECTORY`."""

import sys
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from app.services.readiness import alembic_config


def write(directory: Path) -> None:
    """A file each: to the next migration, a table that the one before it made is no longer new and empty."""
    directory.mkdir(parents=True, exist_ok=True)
    config = alembic_config()
    for script in ScriptDirectory.from_config(config).walk_revisions():
        with (directory / f"{script.revision}.sql").open("w", encoding="utf-8") as config.output_buffer:
            command.upgrade(config, f"{script.down_revision or 'base'}:{script.revision}", sql=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
