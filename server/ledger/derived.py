"""What the database keeps beside the sends, so that no question reads more of them the longer a ledger gets.

Triggers keep it, in the transaction of each change: it is right whoever writes, also a server of an earlier version
that shares the ledger. A ledger without these tables gets them, filled, in one transaction.
"""

from collections.abc import Sequence

MINUTE = 60  # seconds; costs are summed up by it

_TABLES = {
    "spending": """CREATE TABLE IF NOT EXISTS spending (
        caller VARCHAR(64) NOT NULL,
        minute BIGINT NOT NULL,
        cost BIGINT NOT NULL,
        PRIMARY KEY (caller, minute)
    )""",
    "sent_messages": """CREATE TABLE IF NOT EXISTS sent_messages (
        message_id VARCHAR(200) NOT NULL,
        send VARCHAR(36) NOT NULL,
        PRIMARY KEY (message_id, send)
    )""",
}
_INDEXES = (
    "DROP INDEX IF EXISTS sends_of_fingerprint",
    "DROP INDEX IF EXISTS sends_of_caller",
    "DROP INDEX IF EXISTS sends_of_account",
    "CREATE INDEX IF NOT EXISTS sends_of_call ON sends (caller, fingerprint, at) WHERE state <> 'refused'",
    "CREATE INDEX IF NOT EXISTS sends_paid ON sends (caller, at, cost) WHERE state <> 'refused' AND cost > 0",
    "CREATE INDEX IF NOT EXISTS sends_undecided ON sends (account, at) WHERE state IN ('started', 'unknown')",
    "CREATE INDEX IF NOT EXISTS sends_by_time ON sends (at)",
)
# What a row counts for: a negative cost, as earlier versions took over from ClickSend's answers, gives nothing back.
_COUNTS = "(CASE WHEN {0}.state <> 'refused' AND {0}.cost > 0 THEN {0}.cost ELSE 0 END)"
_OLD, _NEW = _COUNTS.format("OLD"), _COUNTS.format("NEW")
_ANOTHER = f"{_OLD} <> {_NEW} OR OLD.at <> NEW.at OR OLD.caller <> NEW.caller"
_FILL = """
    INSERT INTO spending (caller, minute, cost)
    SELECT caller, {minute}, SUM(cost) FROM sends AS entry WHERE state <> 'refused' AND cost > 0 GROUP BY 1, 2
"""
_LESS = f"UPDATE spending SET cost = spending.cost - {_OLD} WHERE caller = OLD.caller AND minute = {{old}};"
_MORE = f"""
    INSERT INTO spending (caller, minute, cost) SELECT NEW.caller, {{new}}, {_NEW} WHERE {_NEW} > 0
    ON CONFLICT (caller, minute) DO UPDATE SET cost = spending.cost + excluded.cost;
"""
_FILL_IDS = """
    INSERT INTO sent_messages (message_id, send)
    SELECT DISTINCT {value}, entry.id FROM sends AS entry, {ids} AS one WHERE entry.message_ids <> '[]'
"""
_NO_IDS = "DELETE FROM sent_messages WHERE send = OLD.id AND message_id IN (SELECT {value} FROM {old_ids} AS one);"
_IDS = """
    INSERT INTO sent_messages (message_id, send) SELECT {value}, NEW.id FROM {new_ids} AS one WHERE true
    ON CONFLICT (message_id, send) DO NOTHING;
"""


def tables(*, shared: bool) -> Sequence[str]:
    """The statements that create and fill the tables, for PostgreSQL where it is `shared`, or else for SQLite."""
    fill = _filled_in_postgresql() if shared else _filled_in_sqlite()
    clear = [f"DELETE FROM {name}" for name in _TABLES]
    first, second = _TABLES.values()
    if not shared:
        first, second = f"{first} WITHOUT ROWID", f"{second} WITHOUT ROWID"
    analyze = [f"ANALYZE {name}" for name in _TABLES if shared]
    return (first, second, *_INDEXES, *fill[:-2], *clear, *fill[-2:], *analyze)


def _filled_in_sqlite() -> Sequence[str]:
    def minute(row: str) -> str:
        return f"CAST({row}.at AS INTEGER) / {MINUTE}"

    names = {
        **{"old": minute("OLD"), "new": minute("NEW"), "value": "one.value"},
        **{"old_ids": "json_each(OLD.message_ids)", "new_ids": "json_each(NEW.message_ids)"},
    }
    less, more, no_ids, ids = (text.format(**names) for text in (_LESS, _MORE, _NO_IDS, _IDS))
    triggers = {
        "spending_of_new": f"AFTER INSERT ON sends BEGIN {more} END",
        "spending_of_changed": f"AFTER UPDATE OF caller, at, state, cost ON sends WHEN {_ANOTHER} "
        f"BEGIN {less} {more} END",
        "spending_of_deleted": f"AFTER DELETE ON sends WHEN {_OLD} > 0 BEGIN {less} END",
        "messages_of_new": f"AFTER INSERT ON sends WHEN NEW.message_ids <> '[]' BEGIN {ids} END",
        "messages_of_changed": "AFTER UPDATE OF message_ids ON sends WHEN OLD.message_ids <> NEW.message_ids "
        f"BEGIN {no_ids} {ids} END",
        "messages_of_deleted": f"AFTER DELETE ON sends WHEN OLD.message_ids <> '[]' BEGIN {no_ids} END",
    }
    return (
        *(f"CREATE TRIGGER IF NOT EXISTS {name} {text}" for name, text in triggers.items()),
        _FILL.format(minute=minute("entry")),
        _FILL_IDS.format(value="one.value", ids="json_each(entry.message_ids)"),
    )


def _filled_in_postgresql() -> Sequence[str]:
    def minute(row: str) -> str:
        return f"CAST(FLOOR({row}.at) AS BIGINT) / {MINUTE}"

    def ids_of(row: str) -> str:
        return f"json_array_elements_text(CAST({row}.message_ids AS json))"

    names = {
        **{"old": minute("OLD"), "new": minute("NEW"), "value": "one.value"},
        **{"old_ids": ids_of("OLD"), "new_ids": ids_of("NEW")},
    }
    less, more, no_ids, ids = (text.format(**names) for text in (_LESS, _MORE, _NO_IDS, _IDS))
    # The path of names is kept, so that it holds for whoever writes to the table from elsewhere.
    head = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN"
    return (
        "LOCK TABLE sends IN SHARE ROW EXCLUSIVE MODE",  # nobody writes between the trigger and the filling
        f"""{head.format("keep_spending")}
            IF TG_OP = 'UPDATE' THEN
                IF NOT ({_ANOTHER}) THEN RETURN NULL; END IF;
            END IF;
            IF TG_OP <> 'INSERT' THEN {less} END IF;
            IF TG_OP <> 'DELETE' THEN {more} END IF;
            RETURN NULL;
        END $$""",
        f"""{head.format("keep_sent_messages")}
            IF TG_OP = 'UPDATE' THEN
                IF OLD.message_ids = NEW.message_ids THEN RETURN NULL; END IF;
            END IF;
            IF TG_OP <> 'INSERT' THEN {no_ids} END IF;
            IF TG_OP <> 'DELETE' THEN {ids} END IF;
            RETURN NULL;
        END $$""",
        "DROP TRIGGER IF EXISTS spending_kept ON sends",
        "DROP TRIGGER IF EXISTS sent_messages_kept ON sends",
        """CREATE TRIGGER spending_kept AFTER INSERT OR DELETE OR UPDATE OF caller, at, state, cost ON sends
            FOR EACH ROW EXECUTE FUNCTION keep_spending()""",
        """CREATE TRIGGER sent_messages_kept AFTER INSERT OR DELETE OR UPDATE OF message_ids ON sends
            FOR EACH ROW EXECUTE FUNCTION keep_sent_messages()""",
        _FILL.format(minute=minute("entry")),
        _FILL_IDS.format(value="one.value", ids=f"LATERAL {ids_of('entry')}"),
    )
