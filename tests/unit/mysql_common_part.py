"""What MySQL 8.0, 8.4 and 9.7 and MariaDB 10.11 and 11.8 do not have in common, or will not have for long.

The servers themselves are asked in tests/engines/test_mysql_words.py, as far as they are there.
"""

from __future__ import annotations

import re

RESERVED = {
    "all": """
    ACCESSIBLE ADD ALL ALTER ANALYZE AND AS ASC ASENSITIVE BEFORE BETWEEN BIGINT BINARY BLOB BOTH BY CALL
    CASCADE CASE CHANGE CHAR CHARACTER CHECK COLLATE COLUMN CONDITION CONSTRAINT CONTINUE CONVERT CREATE CROSS
    CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASES DAY_HOUR DAY_MICROSECOND
    DAY_MINUTE DAY_SECOND DEC DECIMAL DECLARE DEFAULT DELAYED DELETE DESC DESCRIBE DETERMINISTIC DISTINCT
    DISTINCTROW DIV DOUBLE DROP DUAL EACH ELSE ELSEIF ENCLOSED ESCAPED EXCEPT EXISTS EXIT EXPLAIN FALSE FETCH
    FLOAT FLOAT4 FLOAT8 FOR FORCE FOREIGN FROM FULLTEXT GRANT GROUP HAVING HIGH_PRIORITY HOUR_MICROSECOND
    HOUR_MINUTE HOUR_SECOND IF IGNORE IN INDEX INFILE INNER INOUT INSENSITIVE INSERT INT INT1 INT2 INT3 INT4
    INT8 INTEGER INTERSECT INTERVAL INTO IS ITERATE JOIN KEY KEYS KILL LEADING LEAVE LEFT LIKE LIMIT LINEAR
    LINES LOAD LOCALTIME LOCALTIMESTAMP LOCK LONG LONGBLOB LONGTEXT LOOP LOW_PRIORITY MATCH MAXVALUE MEDIUMBLOB
    MEDIUMINT MEDIUMTEXT MIDDLEINT MINUTE_MICROSECOND MINUTE_SECOND MOD MODIFIES NATURAL NOT NO_WRITE_TO_BINLOG
    NULL NUMERIC ON OPTIMIZE OPTIONALLY OR ORDER OUT OUTER OUTFILE OVER PARTITION PRECISION PRIMARY PROCEDURE
    PURGE RANGE READ READS READ_WRITE REAL RECURSIVE REFERENCES REGEXP RELEASE RENAME REPEAT REPLACE REQUIRE
    RESIGNAL RESTRICT RETURN REVOKE RIGHT RLIKE ROWS ROW_NUMBER SCHEMAS SECOND_MICROSECOND SELECT SENSITIVE
    SEPARATOR SET SHOW SIGNAL SMALLINT SPATIAL SPECIFIC SQL SQLEXCEPTION SQLSTATE SQLWARNING SQL_BIG_RESULT
    SQL_CALC_FOUND_ROWS SQL_SMALL_RESULT SSL STARTING STRAIGHT_JOIN TABLE TERMINATED THEN TINYBLOB TINYINT
    TINYTEXT TO TRAILING TRIGGER TRUE UNDO UNION UNIQUE UNLOCK UNSIGNED UPDATE USAGE USE USING UTC_DATE UTC_TIME
    UTC_TIMESTAMP VALUES VARBINARY VARCHAR VARCHARACTER VARYING WHEN WHERE WHILE WINDOW WITH WRITE XOR
    YEAR_MONTH ZEROFILL
    """,
    "mysql": """
    CUBE CUME_DIST DATABASE DENSE_RANK EMPTY EXTERNAL FIRST_VALUE FUNCTION GENERATED GET GROUPING GROUPS
    IO_AFTER_GTIDS IO_BEFORE_GTIDS JSON_TABLE LAG LAST_VALUE LATERAL LEAD LIBRARY NTH_VALUE NTILE OF
    OPTIMIZER_COSTS OPTION PERCENT_RANK QUALIFY RANK ROW SCHEMA STORED SYSTEM TABLESAMPLE VIRTUAL
    """,
    "mysql until 8.0": "ARRAY MASTER_BIND MASTER_SSL_VERIFY_SERVER_CERT MEMBER",
    "mysql 8.4": "MANUAL PARALLEL",
    "mariadb": """
    CURRENT_ROLE DELETE_DOMAIN_ID DO_DOMAIN_IDS IGNORE_DOMAIN_IDS MASTER_DEMOTE_TO_REPLICA MASTER_DEMOTE_TO_SLAVE
    MASTER_SSL_VERIFY_SERVER_CERT OFFSET PAGE_CHECKSUM PARSE_VCOL_EXPR PORTION REF_SYSTEM_ID RETURNING
    SQL_AFTER_GTIDS SQL_BEFORE_GTIDS STATS_AUTO_RECALC STATS_PERSISTENT STATS_SAMPLE_PAGES VECTOR
    """,
}
"""Where a word is reserved → such words."""
RESERVED_ANYWHERE = frozenset(word for words in RESERVED.values() for word in words.split())

FUNCTIONS = frozenset(
    """
    abs cast ceiling char_length coalesce concat concat_ws connection_id convert convert_tz count current_role
    current_user database date_add date_format
    exists floor get_lock greatest group_concat hex if ifnull instr is_free_lock is_used_lock json_array
    json_arrayagg json_contains json_extract json_length json_object json_objectagg json_quote json_table json_type
    json_unquote json_valid last_insert_id least left length locate lower ltrim max microsecond min mod nullif now
    octet_length quote release_lock repeat replace right round row_number rtrim sha2 sign substring substring_index sum
    timestampdiff trim truncate unix_timestamp upper user utc_date utc_timestamp uuid version
    """.split()
)
"""Functions that all of them have, and do not call deprecated. Another one is looked up first, and then added here."""
GONE = {
    "md5": "MySQL 9.6 has it in a component only; sha2 is everywhere",
    "sha": "MySQL 9.6 has it in a component only; sha2 is everywhere",
    "sha1": "MySQL 9.6 has it in a component only; sha2 is everywhere",
    "values": "deprecated in MySQL 8.0.20, whose new spelling MariaDB has not; bind the value again",
    "found_rows": "deprecated in MySQL 8.0.17; count",
    "password": "MySQL 8.0 has it no more",
    "old_password": "neither has it any more",
    "encrypt": "MySQL 8.0 has it no more",
    "encode": "MySQL 8.0 has it no more",
    "decode": "MySQL 8.0 has it no more",
    "des_encrypt": "MySQL 8.0 has it no more",
    "des_decrypt": "MySQL 8.0 has it no more",
    "json_merge": "deprecated in MySQL 8.0.3; json_merge_preserve",
    "json_append": "MySQL 8.0 has it no more; json_array_append",
    "json_value": "MySQL 8.0.21 has it, with another meaning of what is missing than MariaDB",
    "wait_for_executed_gtid_set": "MySQL's alone",
    "master_pos_wait": "deprecated in MySQL 8.0.26",
    "any_value": "MySQL's alone until MariaDB 12",
    "bin_to_uuid": "MySQL's alone",
    "uuid_to_bin": "MySQL's alone",
    "regexp_like": "MySQL's alone; REGEXP",
    "grouping": "MySQL's alone",
    "member": "MySQL's alone; json_contains",
    "json_schema_valid": "MySQL's alone until MariaDB 11.1",
    "json_storage_size": "MySQL's alone",
    "statement_digest": "MySQL's alone",
    "nextval": "MariaDB's alone",
    "lastval": "MariaDB's alone",
    "setval": "MariaDB's alone",
    "median": "MariaDB's alone",
    "percentile_cont": "MariaDB's alone",
    "json_detailed": "MariaDB's alone; json_pretty",
    "json_query": "MariaDB's alone",
    "json_exists": "MariaDB's alone; json_contains_path",
    "json_loose": "MariaDB's alone",
    "json_compact": "MariaDB's alone",
    "json_normalize": "MariaDB's alone",
    "json_equals": "MariaDB's alone",
    "sys_guid": "MariaDB's alone",
    "to_char": "MariaDB's alone",
    "add_months": "MariaDB's alone",
    "nvl": "MariaDB's alone; coalesce",
    "nvl2": "MariaDB's alone; CASE",
    "decode_oracle": "MariaDB's alone; CASE",
    "trim_oracle": "MariaDB's alone",
    "natural_sort_key": "MariaDB's alone",
    "sformat": "MariaDB's alone",
    "crc32c": "MariaDB's alone",
    "kdf": "MariaDB's alone",
    "vec_distance": "MariaDB's alone",
}
"""Functions that are known to be missing somewhere, or to go soon, and why."""

# Words before a parenthesis that call nothing, where they stand in capitals: types, hints, and the like.
NO_CALLS = frozenset(
    """
    BINARY BIT CHAR DATETIME DECIMAL INT SET_VAR TIME TIMESTAMP VARBINARY VARCHAR
    CAST CONVERT COLUMNS KEY INDEX IN AND OR NOT ON USING VALUES AS EXISTS REFERENCES
    """.split()
)

SYNTAX = {
    # MariaDB's alone
    "RETURNING": r"\bRETURNING\b",
    "IF [NOT] EXISTS in ALTER TABLE": r"ALTER TABLE.*(ADD|DROP|MODIFY) (COLUMN |INDEX |CONSTRAINT )?IF (NOT )?EXISTS",
    "IF [NOT] EXISTS of an index": r"\b(CREATE|DROP) (UNIQUE )?INDEX IF\b",
    "OR REPLACE of a table": r"\bCREATE OR REPLACE (TEMPORARY )?(TABLE|INDEX|USER|ROLE|DATABASE)\b",
    "sequences": r"\bCREATE SEQUENCE\b|\b(NEXT|PREVIOUS) VALUE FOR\b",
    "INTERSECT ALL": r"\b(INTERSECT|EXCEPT)\b",
    "UUID, INET and VECTOR types": r"\b(UUID|INET4|INET6|VECTOR)\b(?!\()",
    "WITH SYSTEM VERSIONING": r"\bSYSTEM[ _]VERSIONING\b|\bFOR PORTION OF\b",
    "WAIT": r"\b(FOR UPDATE|IN SHARE MODE|TABLE \w+) WAIT\b",
    "SET STATEMENT … FOR": r"\bSET STATEMENT\b",
    "BEGIN NOT ATOMIC": r"\bBEGIN NOT ATOMIC\b",
    "IGNORED index": r"(?<!\.)\b(NOT )?IGNORED\b",
    "PERSISTENT column": r"\bPERSISTENT\b",
    "VALUES as a table, without ROW": r"(FROM|JOIN)\s*\(\s*VALUES\s*\(",
    "ROWS … FETCH": r"\bFETCH (FIRST|NEXT)\b",
    "EXCHANGE … CONVERT PARTITION": r"\bCONVERT (PARTITION|TABLE)\b",
    # MySQL's alone
    "INSERT … AS new": r"\)\s+AS\s+new\b",
    "FOR SHARE": r"\bFOR SHARE\b",
    "FOR UPDATE OF": r"\bFOR UPDATE OF\b",
    "functional index": r"(CREATE (UNIQUE )?INDEX[^;(]*|\b(KEY|INDEX) (\w+ )?)\(\s*\(",
    "JSON operators": r"->>?",
    "MEMBER OF": r"\bMEMBER OF\b",
    "LATERAL": r"\bLATERAL\b",
    "VALUES ROW, TABLE": r"\bVALUES\s+ROW\b|^\s*TABLE \w+",
    "INVISIBLE index": r"\b(KEY|INDEX)\b[^,;]*\b(IN)?VISIBLE\b",
    "DROP CHECK": r"\b(DROP|ALTER) CHECK\b",
    "ALTER INDEX, RENAME of keys of MySQL": r"\bALTER INDEX\b",
    "alias in DELETE": r"\bDELETE FROM \w+ AS\b",
    "ALGORITHM = INSTANT with LOCK": r"ALGORITHM\s*=\s*INSTANT\s*,\s*LOCK\s*=\s*(NONE|SHARED|EXCLUSIVE)",
    "hints with names of query blocks": r"QB_NAME|@`?\w+`?\s*\)\s*\*/",
    "SET PERSIST": r"\bSET PERSIST(_ONLY)?\b",
    "QUALIFY": r"\bQUALIFY\b",
    "TABLESAMPLE": r"\bTABLESAMPLE\b",
    # deprecated or gone
    "VALUES() of the new row": r"=[^=;]*\bVALUES\s*\(\s*`?\w+`?\s*\)",
    "SQL_CALC_FOUND_ROWS": r"\bSQL_CALC_FOUND_ROWS\b",
    "SQL_CACHE": r"\bSQL_(NO_)?CACHE\b",
    "BINARY as an operator": r"(?<!\bAS )\bBINARY\b(?!\s*[(,)])",
    "&& and || and !": r"&&|\|\||!(?![=*])",
    ":= in an expression": r"@\w+\s*:=",
    "utf8 that is utf8mb3": r"\b(utf8mb3|utf8)(_\w+)?\b",
    "display width": r"\b(TINY|SMALL|MEDIUM|BIG)?INT(EGER)?\s*\(\d",
    "ZEROFILL": r"\bZEROFILL\b",
    "FLOAT with digits": r"\b(FLOAT|DOUBLE|REAL)\s*\(\s*\d+\s*,",
    "UNSIGNED of what is no integer": r"\b(FLOAT|DOUBLE|REAL|DECIMAL)\b(\s*\([^)]*\))?\s+UNSIGNED\b",
    "order in GROUP BY": r"\bGROUP BY [\w., ]+ (ASC|DESC)\b",
    "masters and slaves": r"\b(MASTER|SLAVE)\b",
    "GRANT that makes a user": r"\bGRANT\b[^;]*\bIDENTIFIED\b",
    "IDENTIFIED BY PASSWORD": r"\bIDENTIFIED BY PASSWORD\b",
    "mysql_native_password": r"\bmysql_native_password\b",
    "binlog_format": r"\bbinlog_format\b",
    "tx_isolation": r"\btx_(isolation|read_only)\b",
    "NO_AUTO_CREATE_USER": r"\bNO_AUTO_CREATE_USER\b",
    "INFORMATION_SCHEMA.PROCESSLIST": r"\binformation_schema\.processlist\b",
    "PROCEDURE ANALYSE": r"\bPROCEDURE ANALYSE\b",
    r"\N": r"\\N\b",
}
"""What not all of them read, or will: its name → a pattern of it, in a statement without comments and literals."""
MARIADB_MAY = frozenset({"NO_AUTO_CREATE_USER", "INFORMATION_SCHEMA.PROCESSLIST"})
"""Of SYNTAX, what MySQL alone has given up, or is about to: MariaDB's own part of a statement may say it."""

_LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'")
_COMMENT = re.compile(r"--[^\n]*|/\*(?![!M+]).*?\*/", re.DOTALL)
_CALL = re.compile(r"(?<![\w@:.`])([A-Za-z_]\w*)\(")


def bare(sql: str) -> str:
    """A statement without comments, and with empty literals."""
    return _COMMENT.sub(" ", _LITERAL.sub("''", sql))


def called(sql: str) -> set[str]:
    """The functions that a statement calls: words right before a parenthesis."""
    return {name.lower() for name in _CALL.findall(bare(sql)) if name not in NO_CALLS}


def not_common(server: str, sql: str) -> list[str]:
    """What stands in a statement, as a server reads it, that not all of them read, now and in future."""
    text = bare(sql)
    found = [
        what
        for what, pattern in SYNTAX.items()
        if not (server == "mariadb" and what in MARIADB_MAY)
        and re.search(pattern, text, re.IGNORECASE | re.DOTALL | re.MULTILINE)
    ]
    calls = sorted(called(sql))
    found += [f"{name}(): {GONE[name]}" for name in calls if name in GONE]
    return found + [
        f"{name}() is not known to be everywhere" for name in calls if name not in GONE | dict.fromkeys(FUNCTIONS)
    ]
