"""The doctor's findings: each names what is wrong and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from drivesim.cli import doctor as doctor_file
from drivesim.cli.main import app


def test_a_missing_model_fails_with_exit_code_4(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", "--model", str(tmp_path / "nowhere"), "--out", str(tmp_path)])
    assert result.exit_code == 4
    failures = [line for line in result.output.splitlines() if line.startswith("FAIL")]
    assert len(failures) == 1 and "nowhere" in failures[0]
    assert "libx264" in result.output
    assert "1 of these must be mended" in result.output


def test_a_missing_package_is_named_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(doctor_file.PACKAGES, "no-such-distribution", "no_such_module")
    findings = {finding.subject: finding for finding in doctor_file._packages()}
    assert findings["torch"].level == "ok"
    assert findings["no-such-distribution"].level == "fail"
    assert "pip install" in findings["no-such-distribution"].fix


def test_a_busy_waiting_openmp_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOMP_SPINCOUNT", "100000")
    (finding,) = doctor_file._threads()
    assert finding.level == "warn" and "unset GOMP_SPINCOUNT" in finding.fix


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_file, "MINIMUM_FREE_GB", 1e9)
    (finding,) = doctor_file._free_disk(tmp_path / "not" / "yet" / "there")
    assert finding.level == "warn"
    assert str(tmp_path) in finding.text
