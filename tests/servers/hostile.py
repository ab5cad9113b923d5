"""Settings of servers that a library might take for granted, each set to what breaks one that does.

The servers of the tests get them where TRIALSTORE_TEST_HOSTILE is set (tox -e hostile), so that the contract suite
meets them. Left out is what an administrator sets as a limit, or to shut out writes: the library goes by that.
"""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from servers.machine import parent_folder

VARIABLE = "TRIALSTORE_TEST_HOSTILE"
POSTGRESQL = {
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "extra_float_digits": "-15",
    "bytea_output": "escape",
    "standard_conforming_strings": "off",
    "backslash_quote": "on",
    "escape_string_warning": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "client_min_messages": "debug1",
    "client_encoding": "LATIN1",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "synchronous_commit": "off",
    "session_replication_role": "replica",
    "plan_cache_mode": "force_generic_plan",
    "xmlbinary": "hex",
    "row_security": "off",
    "jit": "on",
    "lock_timeout": "5min",
    "exit_on_error": "on",
    "xmloption": "document",
    "check_function_bodies": "off",
    "default_statistics_target": "1",
    "default_toast_compression": "pglz",
    "gin_fuzzy_search_limit": "1",
    "work_mem": "64kB",
    "from_collapse_limit": "1",
    "join_collapse_limit": "1",
    "cursor_tuple_fraction": "0.001",
    **dict.fromkeys(("enable_hashjoin", "enable_mergejoin", "enable_sort", "enable_indexonlyscan"), "off"),
    "debug_print_plan": "on",
    "log_statement": "all",
    "log_duration": "on",
    "log_executor_stats": "on",
}
# As they stand in statements.
MARIADB_ONLY = (
    *("sql_mode", "check_constraint_checks", "sql_if_exists", "tx_isolation", "tx_read_only", "default_storage_engine"),
    "old_mode",
)
MARIADB = {
    "sql_mode": "'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,IGNORE_SPACE,HIGH_NOT_PRECEDENCE,"
    "PAD_CHAR_TO_FULL_LENGTH,NO_AUTO_VALUE_ON_ZERO,NO_UNSIGNED_SUBTRACTION,REAL_AS_FLOAT,EMPTY_STRING_IS_NULL'",
    "sql_select_limit": "30",
    "max_join_size": "1000",
    "sql_safe_updates": "1",
    "sql_auto_is_null": "1",
    "completion_type": "'CHAIN'",
    "autocommit": "0",
    "foreign_key_checks": "0",
    "unique_checks": "0",
    "check_constraint_checks": "0",
    "sql_if_exists": "1",
    "tx_isolation": "'SERIALIZABLE'",
    "tx_read_only": "1",
    "group_concat_max_len": "4",
    "max_sort_length": "64",
    "div_precision_increment": "0",
    "time_zone": "'+05:45'",
    "max_error_count": "0",
    "auto_increment_increment": "7",
    "auto_increment_offset": "3",
    "default_storage_engine": "'Aria'",
    "character_set_server": "'latin1'",
    "collation_server": "'latin1_german1_ci'",
    "explicit_defaults_for_timestamp": "0",
    "old_mode": "'NO_DUP_KEY_WARNINGS_WITH_IGNORE'",
    "lc_messages": "'de_DE'",
    "lc_time_names": "'de_DE'",
    "default_week_format": "3",
}
# Of MariaDB's, what MySQL has too, and what it alone has.
MYSQL = {
    **{name: value for name, value in MARIADB.items() if name not in MARIADB_ONLY},
    "sql_mode": "'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,IGNORE_SPACE,HIGH_NOT_PRECEDENCE,"
    "PAD_CHAR_TO_FULL_LENGTH,NO_AUTO_VALUE_ON_ZERO,NO_UNSIGNED_SUBTRACTION,REAL_AS_FLOAT,TIME_TRUNCATE_FRACTIONAL'",
    "transaction_isolation": "'SERIALIZABLE'",
    "transaction_read_only": "1",
    "default_storage_engine": "'MyISAM'",
    "default_collation_for_utf8mb4": "'utf8mb4_general_ci'",
    "innodb_strict_mode": "OFF",
    "innodb_default_row_format": "COMPACT",
    "old_alter_table": "ON",
    "cte_max_recursion_depth": "1",
    "show_create_table_verbosity": "ON",
    "windowing_use_high_precision": "OFF",
    "information_schema_stats_expiry": "0",
}
NOT_FOR_TESTS = ("tx_read_only", "sql_safe_updates")  # what the tests themselves could not work with
GERMAN = "de_DE.UTF-8"


def wanted() -> bool:
    """Whether this run's servers are to be like that."""
    return os.environ.get(VARIABLE, "") not in ("", "0")


@functools.cache
def german_locale() -> Path | None:
    """A folder with a German locale for LOCPATH, which a server's user can read, for as long as this process lives;
    None where none can be made."""
    if shutil.which("localedef") is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="ts-locale-", dir=parent_folder(traversable=True)))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    folder.chmod(0o755)
    subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", folder / GERMAN], capture_output=True, check=False)
    return folder if (folder / GERMAN / "LC_MESSAGES").is_dir() else None
