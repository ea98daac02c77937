"""`admit` is planned once a connection: with many partners it was planned anew at every request of anybody's."""

from alembic import op

revision = "20261126_admission_planned_once"
down_revision = "20261125_open_complaints"
branch_labels = None
depends_on = None

ADMIT = "ALTER FUNCTION admit(uuid, int, uuid)"


def upgrade() -> None:
    """Whoever has no customers bound looks so much cheaper than the average that PostgreSQL would plan for each."""
    op.execute(f"{ADMIT} SET plan_cache_mode = force_generic_plan")


def downgrade() -> None:
    op.execute(f"{ADMIT} RESET plan_cache_mode")
