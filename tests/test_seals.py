"""The audit trail is sealed: whatever is done to it behind the system's back is found, and named."""

import asyncio
import sys
from typing import Any
from uuid import UUID, uuid4

import pytest

from app import audit_commands, cli, worker
from app.models.account import AccessKind
from app.models.audit import AuditStream
from app.roles import Role
from app.security import Principal
from app.services import accesses, events, seals
from tests.owner import execute, owner
from tests.system import System

NOBODY = UUID(int=7)


async def write(system: System, many: int) -> None:
    """So many accesses, and as many events, each in a transaction of its own with its neighbour."""
    for number in range(many):
        async with system.database.sessions.begin() as session:
            accesses.record(session, AccessKind.DENIED, principal_id=NOBODY, reason=f"第{number}次 杭州")
            about = events.Subject("customer", uuid4())
            await events.record(session, Principal.SYSTEM, "customer.changed", about, fields=["name"])


async def sealed(system: System, many: int = 5, times: int = 3) -> System:
    for _ in range(times):
        await write(system, many)
        await worker.seal_audit(system.database.sessions)
    return system


async def verify(system: System, **body: Any) -> dict[str, Any]:
    answer = await (await system.as_role(Role.AUDITOR)).post("/v1/audit/seals/verify", body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def found(system: System, **body: Any) -> list[tuple[str, int, str | None]]:
    answer = await verify(system, **body)
    assert answer["intact"] == (not answer["faults"])
    return [(each["fault"], each["number"], each["row_id"]) for each in answer["faults"]]


async def as_superuser(system: System, statement: str, *arguments: Any) -> None:
    async with owner(system) as connection:
        done = await connection.execute(statement, *arguments)
        assert done.split()[-1] != "0", done


async def nth_row(system: System, stream: str, number: int) -> str:
    """The id of a row that is sealed, and not in the first batch of its stream."""
    statement = f"SELECT id::text FROM {stream} ORDER BY transaction, id OFFSET {number} LIMIT 1"
    return str(await system.scalar(statement))


async def test_what_nobody_touched_is_intact_and_every_row_is_covered(empty_system: System) -> None:
    system = await sealed(empty_system)
    answer = await verify(system)
    assert (answer["intact"], answer["seals"], answer["next_number"]) == (True, 6, None)
    both = "SELECT (SELECT count(*) FROM accesses) + (SELECT count(*) FROM events)"
    assert answer["rows"] == await system.scalar(both) >= 30
    listed = (await (await system.as_role(Role.AUDITOR)).get("/v1/audit/seals")).json()["items"]
    assert [row["number"] for row in listed] == [6, 5, 4, 3, 2, 1]
    assert (listed[0]["number"], listed[0]["sha256"]) == (answer["head_number"], answer["head_sha256"])


EDITS = {
    "accesses": [
        "kind = 'signed_in'",
        "principal_id = gen_random_uuid()",
        'data = data || \'{"reason": "-"}\'',
        "data = '{}'",
        "occurred_at = occurred_at - interval '1 microsecond'",
        "operation = 'GET /v1/me'",
        "correlation_id = 'x'",
        "customer_id = gen_random_uuid()",
    ],
    "events": [
        "kind = 'customer.created'",
        "subject_type = 'user'",
        "subject_id = gen_random_uuid()",
        "customer_id = gen_random_uuid()",
        "actor_kind = 'user'",
        "actor_id = gen_random_uuid()",
        "correlation_id = 'x'",
        'data = \'{"fields": ["Name"]}\'',
        "recorded_at = recorded_at + interval '1 microsecond'",
    ],
}


async def test_a_row_that_was_edited_in_any_column_is_found_and_named(empty_system: System) -> None:
    system = await sealed(empty_system)
    expected = set()
    for stream, edits in EDITS.items():
        for place, edit in enumerate(edits):
            row = await nth_row(system, stream, place)
            await as_superuser(system, f"UPDATE {stream} SET {edit} WHERE id = $1", UUID(row))
            expected.add(("row_changed", row))
    assert {(fault, row) for fault, _, row in await found(system)} == expected


@pytest.mark.parametrize("stream", AuditStream)
async def test_every_column_of_a_row_is_sealed(stream: AuditStream, system: System) -> None:
    from app.models.base import Base
    from app.services.seals.sealing import COLUMNS

    named = {each.split()[0] for each in COLUMNS[stream].split(", ")}
    assert named == {column.name for column in Base.metadata.tables[stream].columns}
    assert await system.scalar("SELECT 1") == 1


@pytest.mark.parametrize("stream", AuditStream)
async def test_a_row_that_was_removed_is_found_and_named(stream: AuditStream, empty_system: System) -> None:
    system = await sealed(empty_system)
    row = await nth_row(system, stream, 7)
    await as_superuser(system, f"DELETE FROM {stream} WHERE id = $1", UUID(row))
    ((fault, number, named),) = await found(system)
    assert (fault, named) == ("row_missing", row)
    assert number in {3, 4}


@pytest.mark.parametrize("stream", AuditStream)
async def test_a_row_that_was_put_in_is_found_and_named(stream: AuditStream, empty_system: System) -> None:
    system = await sealed(empty_system)
    row, copy = await nth_row(system, stream, 7), uuid4()
    await as_superuser(
        system,
        f"INSERT INTO {stream} OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(NULL::{stream},"
        f" to_jsonb(one) || jsonb_build_object('id', $1::uuid))).* FROM {stream} one WHERE id = $2",
        copy,
        UUID(row),
    )
    (first,) = await found(system)
    assert (first[0], first[2]) == ("row_added", str(copy))


async def test_a_row_put_in_under_the_id_of_another_is_found(empty_system: System) -> None:
    """An event's key holds its time, so that the database would take it."""
    system = await sealed(empty_system)
    row = await nth_row(system, "events", 7)
    await as_superuser(
        system,
        "INSERT INTO events OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(NULL::events, to_jsonb(one)"
        " || jsonb_build_object('recorded_at', recorded_at - interval '1 s'))).* FROM events one WHERE id = $1",
        UUID(row),
    )
    assert ("row_added", row) in {(fault, named) for fault, _, named in await found(system)}


@pytest.mark.parametrize(
    "edit",
    [
        "rows = rows + 1",
        "sealed_at = sealed_at - interval '1 day'",
        "to_id = gen_random_uuid()",
        "to_transaction = to_transaction + 1",
        "after_transaction = after_transaction + 1",
        "stream = CASE stream WHEN 'events' THEN 'accesses' ELSE 'events' END",
        "sha256 = sha256('x')",
        "manifest = manifest || '\\x00'",
    ],
)
async def test_a_seal_that_was_edited_is_found(edit: str, empty_system: System) -> None:
    system = await sealed(empty_system)
    await as_superuser(system, f"UPDATE audit_seals SET {edit} WHERE number = 3")
    assert ("seal_changed", 3, None) in await found(system)


async def test_a_seal_that_was_removed_is_found(empty_system: System) -> None:
    system = await sealed(empty_system)
    await as_superuser(system, "DELETE FROM audit_seals WHERE number = 3")
    assert ("seal_missing", 3, None) in await found(system)


async def test_an_edit_with_its_seal_written_anew_breaks_the_next_link(empty_system: System) -> None:
    system = await sealed(empty_system)
    await rewrite(system, only_last=False, number=3)
    assert ("seal_changed", 4, None) in await found(system)


async def rewrite(system: System, number: int, *, only_last: bool) -> None:
    """As a superuser who knows how the chain is made: edit a row, make its batch's seal anew, and cut off the rest."""
    if only_last:
        await as_superuser(system, "DELETE FROM audit_seals WHERE number >= $1", number)
    stream = "accesses"
    place = await system.scalar("SELECT count(*) - 1 FROM accesses")
    row = UUID(await nth_row(system, stream, place if only_last else 7))
    await as_superuser(system, "UPDATE accesses SET data = '{}' WHERE id = $1", row)
    if only_last:
        await worker.seal_audit(system.database.sessions)
        return
    from app.models.audit import AuditSeal
    from app.services.seals.sealing import digest, manifest_of, sealed_rows

    async with system.database.sessions() as session:
        seal = await session.get_one(AuditSeal, number)
        before = await session.get_one(AuditSeal, number - 1)
        seal.manifest = manifest_of(await sealed_rows(session, seal, 1000))
        made, sha256 = seal.manifest, digest(before.sha256, seal)
        session.expunge_all()
    await as_superuser(
        system, "UPDATE audit_seals SET manifest = $1, sha256 = $2 WHERE number = $3", made, sha256, number
    )


async def test_a_chain_that_was_written_anew_is_found_by_a_copy_from_outside(empty_system: System) -> None:
    """Inside nothing shows it any more."""
    system = await sealed(empty_system)
    head = await verify(system)
    known = {"number": head["head_number"], "sha256": head["head_sha256"]}
    assert await found(system, known=known) == []
    await rewrite(system, number=5, only_last=True)
    assert await found(system) == []
    assert await found(system, known=known) == [("chain_rewritten", 6, None)]


async def test_a_running_transaction_is_waited_for_and_writers_wait_for_nobody(empty_system: System) -> None:
    system = empty_system
    async with system.database.sessions.begin() as slow:
        accesses.record(slow, AccessKind.DENIED, principal_id=NOBODY, reason="slow")
        await slow.flush()
        await write(system, 3)
        async with system.database.sessions.begin() as sealing:
            early = await seals.seal(sealing, AuditStream.ACCESSES)
            async with asyncio.timeout(60):
                await write(system, 1)
        assert early is None
    await worker.seal_audit(system.database.sessions)
    assert await found(system) == []
    assert (await verify(system))["rows"] == await system.scalar(
        "SELECT (SELECT count(*) FROM accesses) + (SELECT count(*) FROM events)"
    )


async def test_workers_that_seal_at_the_same_time_make_one_chain(empty_system: System) -> None:
    await write(empty_system, 20)
    await asyncio.gather(*(worker.seal_audit(empty_system.database.sessions) for _ in range(8)))
    answer = await verify(empty_system)
    assert (answer["intact"], answer["seals"]) == (True, 2)


async def test_the_chain_is_verified_piece_by_piece_with_the_same_outcome(empty_system: System) -> None:
    system = await sealed(empty_system)
    row = await nth_row(system, "accesses", 12)
    await as_superuser(system, "DELETE FROM accesses WHERE id = $1", UUID(row))
    whole, parts, number = await found(system), [], 1
    for _ in range(7):
        answer = await verify(system, from_number=number, limit=1)
        parts += [(each["fault"], each["number"], each["row_id"]) for each in answer["faults"]]
        if answer["next_number"] is None:
            break
        number = answer["next_number"]
    assert parts == whole != []


async def test_the_application_can_neither_change_nor_remove_a_seal(empty_system: System) -> None:
    system = await sealed(empty_system, times=1)
    from sqlalchemy.exc import DBAPIError

    for statement in ("DELETE FROM audit_seals", "UPDATE audit_seals SET rows = 0"):
        with pytest.raises(DBAPIError, match="permission denied"):
            await system.scalar(f"WITH done AS ({statement} RETURNING 1) SELECT count(*) FROM done")


async def test_months_are_sealed_together(empty_system: System) -> None:
    """A row of last month stands in another table than its neighbours."""
    system = empty_system
    for _ in range(3):
        await write(system, 1)
        await execute(
            system,
            "INSERT INTO events (id, recorded_at, kind, subject_type, subject_id, actor_kind, actor_id, data)"
            " VALUES (gen_random_uuid(), date_trunc('month', now()) - interval '1 day', 'customer.changed', 'customer',"
            " gen_random_uuid(), 'system', gen_random_uuid(), '{}')",
        )
    await worker.seal_audit(system.database.sessions)
    assert await system.scalar("SELECT count(DISTINCT tableoid) FROM events") == 2
    assert await found(system) == []
    row = await system.scalar("SELECT id::text FROM events ORDER BY recorded_at LIMIT 1")
    await as_superuser(system, "DELETE FROM events WHERE id = $1", UUID(row))
    assert [(fault, named) for fault, _, named in await found(system)] == [("row_missing", row)]


async def test_the_command_line_verifies_and_says_what_was_touched(
    empty_system: System, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system = await sealed(empty_system)

    async def crm(*command: str) -> tuple[Any, str]:
        monkeypatch.setattr(audit_commands, "settings", lambda: system.settings)
        monkeypatch.setattr(audit_commands, "PIECE", 2)
        monkeypatch.setattr(sys, "argv", ["crm", "audit", *command])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            await asyncio.to_thread(cli.main)
        said = capsys.readouterr()
        return ended.value.code, said.out + said.err

    code, head = await crm("head")
    assert code == 0
    assert head.startswith("6:")
    code, said = await crm("verify", "--known", head.strip())
    assert (code, "Intact: 6 seals" in said) == (0, True), said
    row = await nth_row(system, "accesses", 7)
    await as_superuser(system, "DELETE FROM accesses WHERE id = $1", UUID(row))
    code, said = await crm("verify", "--known", f"6:{'0' * 64}")
    assert code == 1
    assert f"row missing: accesses {row}" in said
    assert "seal 6: chain rewritten" in said
    assert "2 faults" in said
    assert (await crm("verify", "--known", "nonsense"))[0] == 2


async def test_a_transaction_of_many_rows_is_sealed_in_several_batches(empty_system: System) -> None:
    system = empty_system
    await execute(
        system,
        "INSERT INTO accesses (id, kind, data) SELECT gen_random_uuid(), 'denied', '{}' FROM generate_series(1, 2500)",
    )
    await worker.seal_audit(system.database.sessions)
    assert await system.scalar("SELECT array_agg(rows ORDER BY number) FROM audit_seals") == [1000, 1000, 500]
    assert await found(system) == []
    row = await nth_row(system, "accesses", 1500)
    await as_superuser(system, "DELETE FROM accesses WHERE id = $1", UUID(row))
    assert await found(system) == [("row_missing", 2, row)]
