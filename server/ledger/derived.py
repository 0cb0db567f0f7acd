"""Derived tables, so that no query reads more rows as a ledger grows: costs by minute, and sends by message id.

Triggers maintain them in the transaction of each change, so they are right whoever writes, including a server of an
earlier version that shares the ledger. The migration creates and fills them in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass

MINUTE = 60  # seconds; costs are summed by minute

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
# What a row adds to the sum. Negative costs, which earlier versions copied from ClickSend's answers, add nothing.
_AMOUNT = "(CASE WHEN {0}.state <> 'refused' AND {0}.cost > 0 THEN {0}.cost ELSE 0 END)"
_OLD, _NEW = _AMOUNT.format("OLD"), _AMOUNT.format("NEW")
_CHANGED = f"{_OLD} <> {_NEW} OR OLD.at <> NEW.at OR OLD.caller <> NEW.caller"
_SUBTRACT = f"UPDATE spending SET cost = spending.cost - {_OLD} WHERE caller = OLD.caller AND minute = {{old_minute}};"
_ADD = f"""
    INSERT INTO spending (caller, minute, cost) SELECT NEW.caller, {{new_minute}}, {_NEW} WHERE {_NEW} > 0
    ON CONFLICT (caller, minute) DO UPDATE SET cost = spending.cost + excluded.cost;
"""
_DELETE_IDS = (
    "DELETE FROM sent_messages WHERE send = OLD.id AND message_id IN (SELECT one.value FROM {old_ids} AS one);"
)
_INSERT_IDS = """
    INSERT INTO sent_messages (message_id, send) SELECT one.value, NEW.id FROM {new_ids} AS one WHERE true
    ON CONFLICT (message_id, send) DO NOTHING;
"""
_FILL = (
    """
    INSERT INTO spending (caller, minute, cost)
    SELECT caller, {entry_minute}, SUM(cost) FROM sends AS entry WHERE state <> 'refused' AND cost > 0 GROUP BY 1, 2
""",
    """
    INSERT INTO sent_messages (message_id, send)
    SELECT DISTINCT one.value, entry.id FROM sends AS entry, {lateral}{entry_ids} AS one WHERE entry.message_ids <> '[]'
""",
)


@dataclass(frozen=True)
class _Dialect:
    """Expressions that SQLite and PostgreSQL write differently; `{0}` is a row of `sends`."""

    minute: str
    message_ids: str  # a table of them, in the column `value`
    lateral: str = ""

    def write(self, statement: str) -> str:
        """A statement with the expressions filled in."""
        expressions = {"lateral": self.lateral}
        for row in ("old", "new", "entry"):
            name = row if row == "entry" else row.upper()
            expressions[f"{row}_minute"] = self.minute.format(name)
            expressions[f"{row}_ids"] = self.message_ids.format(name)
        return statement.format(**expressions)


_SQLITE = _Dialect(minute=f"CAST({{0}}.at AS INTEGER) / {MINUTE}", message_ids="json_each({0}.message_ids)")
_POSTGRES = _Dialect(
    minute=f"CAST(FLOOR({{0}}.at) AS BIGINT) / {MINUTE}",
    message_ids="json_array_elements_text(CAST({0}.message_ids AS json))",
    lateral="LATERAL ",
)


def migration(*, postgres: bool) -> Sequence[str]:
    """The statements that create and fill the tables, for PostgreSQL or for SQLite."""
    clear = [f"DELETE FROM {name}" for name in _TABLES]
    if postgres:
        analyze = [f"ANALYZE {name}" for name in _TABLES]
        return (*_TABLES.values(), *_INDEXES, *_postgres_triggers(), *clear, *map(_POSTGRES.write, _FILL), *analyze)
    tables = [f"{table} WITHOUT ROWID" for table in _TABLES.values()]
    return (*tables, *_INDEXES, *_sqlite_triggers(), *clear, *map(_SQLITE.write, _FILL))


def _sqlite_triggers() -> Sequence[str]:
    subtract, add, delete_ids, insert_ids = map(_SQLITE.write, (_SUBTRACT, _ADD, _DELETE_IDS, _INSERT_IDS))
    triggers = {
        "spending_of_new": f"AFTER INSERT ON sends BEGIN {add} END",
        "spending_of_changed": f"AFTER UPDATE OF caller, at, state, cost ON sends WHEN {_CHANGED} "
        f"BEGIN {subtract} {add} END",
        "spending_of_deleted": f"AFTER DELETE ON sends WHEN {_OLD} > 0 BEGIN {subtract} END",
        "messages_of_new": f"AFTER INSERT ON sends WHEN NEW.message_ids <> '[]' BEGIN {insert_ids} END",
        "messages_of_changed": "AFTER UPDATE OF message_ids ON sends WHEN OLD.message_ids <> NEW.message_ids "
        f"BEGIN {delete_ids} {insert_ids} END",
        "messages_of_deleted": f"AFTER DELETE ON sends WHEN OLD.message_ids <> '[]' BEGIN {delete_ids} END",
    }
    return [f"CREATE TRIGGER IF NOT EXISTS {name} {body}" for name, body in triggers.items()]


def _postgres_triggers() -> Sequence[str]:
    subtract, add, delete_ids, insert_ids = map(_POSTGRES.write, (_SUBTRACT, _ADD, _DELETE_IDS, _INSERT_IDS))
    # The search path is fixed, so that the triggers find the tables whatever path a writer has.
    head = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN"
    return (
        "LOCK TABLE sends IN SHARE ROW EXCLUSIVE MODE",  # no write may come between creating triggers and filling
        f"""{head.format("keep_spending")}
            IF TG_OP = 'UPDATE' THEN
                IF NOT ({_CHANGED}) THEN RETURN NULL; END IF;
            END IF;
            IF TG_OP <> 'INSERT' THEN {subtract} END IF;
            IF TG_OP <> 'DELETE' THEN {add} END IF;
            RETURN NULL;
        END $$""",
        f"""{head.format("keep_sent_messages")}
            IF TG_OP = 'UPDATE' THEN
                IF OLD.message_ids = NEW.message_ids THEN RETURN NULL; END IF;
            END IF;
            IF TG_OP <> 'INSERT' THEN {delete_ids} END IF;
            IF TG_OP <> 'DELETE' THEN {insert_ids} END IF;
            RETURN NULL;
        END $$""",
        "DROP TRIGGER IF EXISTS spending_kept ON sends",
        "DROP TRIGGER IF EXISTS sent_messages_kept ON sends",
        """CREATE TRIGGER spending_kept AFTER INSERT OR DELETE OR UPDATE OF caller, at, state, cost ON sends
            FOR EACH ROW EXECUTE FUNCTION keep_spending()""",
        """CREATE TRIGGER sent_messages_kept AFTER INSERT OR DELETE OR UPDATE OF message_ids ON sends
            FOR EACH ROW EXECUTE FUNCTION keep_sent_messages()""",
    )
