"""Hands the data to a user that PostgreSQL agrees to run as, where we are root."""

import os
import pwd
import stat
import sys
from pathlib import Path

from app.embedded.programs import binaries


def hand_over(data: Path) -> None:
    """Where we are root, give the data to a user that PostgreSQL agrees to run as, and let that user in."""
    if os.geteuid() != 0:
        return
    if data.stat().st_uid == 0:
        account = _account()
        for path in (data, *data.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)
    installation = binaries().parent
    libraries = installation.parent.with_suffix(".libs")  # where wheels keep the libraries they bring
    ways = {*data.parents, *installation.parents}
    programs = {installation, *installation.rglob("*"), libraries, *libraries.rglob("*")}
    opened = [path for path in ways if _permit(path, stat.S_IXOTH)]
    opened += [path for path in programs if path.exists() and _permit(path, 0o005)]
    if opened:
        places = f"{data.parent} and {installation}"
        sys.stderr.write(
            f"PostgreSQL does not run as root: other users can now find their way to {places}.\n"
        )


def _account() -> pwd.struct_passwd:
    """Whoever owns the programs can reach them; where that is root, a user made for such things."""
    accounts = pwd.getpwall()
    owners = [account for account in accounts if account.pw_uid == binaries().stat().st_uid != 0]
    named = {account.pw_name: account for account in accounts}
    return owners[0] if owners else named.get("postgres") or named["nobody"]


def _permit(path: Path, bits: int) -> bool:
    """Let others do more of what root itself may do with its file; whether that was news."""
    status = path.stat()
    missing = bits & status.st_mode >> 6 & ~status.st_mode
    if status.st_uid == 0 and missing:
        path.chmod(stat.S_IMODE(status.st_mode) | missing)
        return True
    return False
