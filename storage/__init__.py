"""trialstore: benchmark experiments, their trials, results and telemetry in a SQL database.

>>> from trialstore.storage import SqlStorage
>>> storage = SqlStorage({"drivername": "sqlite"})
>>> storage
sqlite:
>>> storage.experiments
{}
"""

from trialstore.dialects.errors import (
    AlreadyCompleted,
    Busy,
    CatalogueError,
    CommitUnknown,
    ConfigError,
    ConnectError,
    DuplicateKey,
    ErrorKind,
    ExperimentMissing,
    LeaseLost,
    MigrationBlocked,
    MigrationChecksumMismatch,
    MigrationError,
    MigrationFailed,
    MigrationFileInvalid,
    MigrationIncomplete,
    MigrationLocked,
    MissingReference,
    PermissionDenied,
    QueryError,
    SchemaDrift,
    SchemaError,
    SchemaMissing,
    SchemaTooNew,
    SchemaTooOld,
    ServerUnreachable,
    StorageError,
    TrialError,
    TrialHeld,
    TrialMissing,
    UnknownTunable,
    ValueRejected,
)
from trialstore.sql.history import library_version

from .base_storage import Storage
from .config.keys import config_from_url
from .new_trial import NewTrial
from .sql_storage import SqlStorage
from .status import Status
from .storage_factory import from_config
from .telemetry_writer import TelemetryWriter
from .tunables.groups import TunableGroups
from .writing.leases import KeepLease

__all__ = [
    "AlreadyCompleted",
    "Busy",
    "CatalogueError",
    "CommitUnknown",
    "ConfigError",
    "ConnectError",
    "DuplicateKey",
    "ErrorKind",
    "ExperimentMissing",
    "KeepLease",
    "LeaseLost",
    "MigrationBlocked",
    "MigrationChecksumMismatch",
    "MigrationError",
    "MigrationFailed",
    "MigrationFileInvalid",
    "MigrationIncomplete",
    "MigrationLocked",
    "MissingReference",
    "NewTrial",
    "PermissionDenied",
    "QueryError",
    "SchemaDrift",
    "SchemaError",
    "SchemaMissing",
    "SchemaTooNew",
    "SchemaTooOld",
    "ServerUnreachable",
    "SqlStorage",
    "Status",
    "Storage",
    "StorageError",
    "TelemetryWriter",
    "TrialError",
    "TrialHeld",
    "TrialMissing",
    "TunableGroups",
    "UnknownTunable",
    "ValueRejected",
    "__version__",
    "config_from_url",
    "from_config",
]

__version__ = library_version()
