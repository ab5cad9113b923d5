"""What `trialstore schema status`, `plan` and `verify` find, as reports for machines."""

from __future__ import annotations

from collections.abc import Iterable

from trialstore.sql.inspection import Found
from trialstore.sql.structure import Difference
from trialstore.storage.schema.deployment import SchemaPlan, SchemaStatus

from .reports import ERROR, NOTE, WARNING, Finding, Gauge, Report

HISTORY, STRUCTURE = "history", "structure"


def status_report(found: SchemaStatus) -> Report:
    """The history and each migration as a check; what is broken is an error, what is pending a warning."""
    findings = []
    if found.trouble is not None:
        findings.append(Finding("schema-broken", ERROR, HISTORY, found.trouble.message, found.trouble.hint))
    for number, migration in enumerate(found.pending):
        if number == 0 and found.interrupted:
            message, hint = f"{migration} was begun and is not finished.", "Run 'trialstore schema apply'."
            findings.append(Finding("migration-interrupted", ERROR, str(migration), message, hint))
        else:
            hint = "Run 'trialstore schema apply'."
            if found.found is Found.MLOS_BENCH:
                hint = "Run 'trialstore schema adopt', and then 'trialstore schema apply'."
            findings.append(Finding("migration-pending", WARNING, str(migration), f"{migration} is pending.", hint))
    checks = [HISTORY, *map(str, found.history), *map(str, found.pending)]
    gauges = [
        Gauge("schema_version", "Version of the schema; 0 if there is none.", found.version),
        Gauge("schema_newest_version", "Version that the installed library brings.", found.newest),
        Gauge("schema_pending", "Migrations that are not applied.", len(found.pending)),
        Gauge("schema_broken", "1 if somebody must look after the schema.", int(found.broken)),
    ]
    return Report("schema status", found.label, list(dict.fromkeys(checks)), findings, gauges)


def plan_report(found: SchemaPlan) -> Report:
    """Each migration that would run as a finding, with what it locks."""
    findings = [
        Finding(
            "migration-destructive" if planned.migration.destructive else "migration-pending",
            ERROR if planned.migration.destructive else WARNING,
            str(planned.migration),
            f"{planned.migration} is pending. {planned.migration.purpose}",
            f"Locks: {planned.migration.nothing or planned.migration.locks_text}",
        )
        for planned in found.migrations
    ]
    hint = "Apply it as the owner of the tables."
    refused = [
        Finding("apply-refused", WARNING, STRUCTURE, f"As this login 'apply' would be refused: {why}", hint)
        for why in found.refusals
    ]
    return Report("schema plan", found.label, [STRUCTURE, *(one.check for one in findings)], [*refused, *findings])


def verify_report(
    label: str, harmful: Iterable[Difference], additions: Iterable[Difference], *, strict: bool
) -> Report:
    """Each difference as a finding; what is the administrator's own is a note unless `strict`."""
    wrong = [_difference(one, ERROR) for one in harmful]
    own = [_difference(one, ERROR if strict else NOTE) for one in additions]
    gauges = [
        Gauge("schema_differences", "Differences from what the migrations say.", len(wrong)),
        Gauge("schema_additions", "Tables and indexes of the administrator's own.", len(own)),
    ]
    return Report("schema verify", label, [STRUCTURE], [*wrong, *own], gauges)


def _difference(one: Difference, severity: str) -> Finding:
    return Finding(f"schema-{one.kind}", severity, STRUCTURE, str(one))
