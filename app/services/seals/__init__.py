"""Seals the audit trail in batches, one hash chain over both streams; writers never wait for it."""

from app.services.seals.sealing import BATCH, head, seal, search
from app.services.seals.verification import Verification, verify

__all__ = ["BATCH", "Verification", "head", "seal", "search", "verify"]
