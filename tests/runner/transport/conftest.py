"""Accounts for the acceptors in memory."""

from pathlib import Path

import pytest


@pytest.fixture
def ntlm_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """A user and the password that pyspnego's NTLM acceptor takes."""
    accounts = tmp_path / "accounts"
    accounts.write_text("LAB:auditor:not-a-secret\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(accounts))
    return "LAB\\auditor", "not-a-secret"
