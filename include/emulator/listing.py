"""Lists: filters, search, order and pages, as one SQL query.

CVAT's lists share one grammar: plain parameters that must match exactly, `search`, a JSON-logic `filter`, `sort`,
`page` and `page_size`. What a list does not know it ignores.
"""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode

import orjson

from include.emulator.answers import Refusal, invalid
from include.emulator.call import Call

_DEFAULT_PAGE_SIZE = 10
_COMPARISONS = {"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


@dataclass(frozen=True, slots=True)
class Condition:
    """A piece of a WHERE clause and its values."""

    sql: str = "1"
    values: tuple[Any, ...] = ()

    def __and__(self, other: "Condition") -> "Condition":
        return Condition(f"({self.sql}) AND ({other.sql})", self.values + other.values)


@dataclass(frozen=True, slots=True)
class Listing:
    """What one list knows.

    `source` is a FROM clause that holds the listed `table`, whose `key` is the last thing to order by; `columns`
    name the SQL expression behind each term that may be filtered, searched and sorted by; `parameters` are the terms
    that are plain query parameters too: whole numbers, texts, or one of a few texts.
    """

    table: str
    source: str
    columns: Mapping[str, str]
    parameters: Mapping[str, type[int] | type[str] | tuple[str, ...]]
    searched: tuple[str, ...] = ()
    key: str = "id"
    order: Literal["ASC", "DESC"] = "DESC"

    def answer(
        self,
        call: Call,
        connection: sqlite3.Connection,
        visible: Condition,
        present: Callable[[sqlite3.Row], dict[str, Any]],
    ) -> dict[str, Any]:
        """The page that the call asks for.

        Raises:
            Refusal: 400 for a value that no row can have or a filter that cannot be read, 404 past the last page.
        """
        where = visible & self._plain(call.query) & self._searched(call.query) & self._filtered(call.query)
        (count,) = connection.execute(f"SELECT count(*) FROM {self.source} WHERE {where.sql}", where.values).fetchone()
        page = _Page.of(call.query, count)
        rows = connection.execute(
            f"SELECT {self.table}.* FROM {self.source} WHERE {where.sql}"
            f" ORDER BY {self._order(call.query)} LIMIT ? OFFSET ?",
            (*where.values, page.size, (page.number - 1) * page.size),
        ).fetchall()
        return {
            "count": count,
            "next": page.link(call, page.number + 1) if page.number * page.size < count else None,
            "previous": page.link(call, page.number - 1) if page.number > 1 else None,
            "results": [present(row) for row in rows],
        }

    def _plain(self, query: Mapping[str, str]) -> Condition:
        condition = Condition()
        for name, allowed in self.parameters.items():
            value = query.get(name, "")
            if value == "":
                continue
            if isinstance(allowed, tuple) and value not in allowed:
                text = f"Select a valid choice. {value} is not one of the available choices."
                raise invalid({name: [text]})
            if allowed is int and not value.lstrip("-").isdecimal():
                raise invalid({name: ["Enter a number."]})
            condition &= Condition(f"{self.columns[name]} = ?", (int(value) if allowed is int else value,))
        return condition

    def _searched(self, query: Mapping[str, str]) -> Condition:
        condition = Condition()
        for word in query.get("search", "").split():
            matches = " OR ".join(f"{self.columns[name]} LIKE ? ESCAPE '\\'" for name in self.searched)
            condition &= Condition(matches, (_containing(word),) * len(self.searched))
        return condition

    def _filtered(self, query: Mapping[str, str]) -> Condition:
        text = query.get("filter", "")
        if not text:
            return Condition()
        try:
            rules = orjson.loads(text)
        except orjson.JSONDecodeError:
            raise _unreadable(text) from None
        return self._rule(rules)

    def _rule(self, rule: Any) -> Condition:
        if not isinstance(rule, dict) or len(rule) != 1:
            raise invalid([f"filter: unexpected expression {rule!r}"])
        [(operator, operands)] = rule.items()
        if operator in ("and", "or"):
            parts = [self._rule(part) for part in operands]
            sql = f" {operator.upper()} ".join(f"({part.sql})" for part in parts) or "1"
            return Condition(sql, tuple(value for part in parts for value in part.values))
        if operator == "!":
            inner = self._rule(operands[0] if isinstance(operands, list) else operands)
            return Condition(f"NOT ({inner.sql})", inner.values)
        if operator == "in":
            return self._membership(*operands)
        if operator in _COMPARISONS:
            return self._comparison(_COMPARISONS[operator], operands)
        raise invalid([f"filter: {operator} operation with {operands!r} arguments is not implemented"])

    def _membership(self, left: Any, right: Any) -> Condition:
        if isinstance(right, list):
            return Condition(f"{self._term(left)} IN ({', '.join('?' * len(right))})", tuple(right))
        return Condition(f"{self._term(right)} LIKE ? ESCAPE '\\'", (_containing(str(left)),))

    def _comparison(self, operator: str, operands: list[Any]) -> Condition:
        if len(operands) == 3:  # a range: low, term, high
            low, term, high = operands
            sql = self._term(term)
            return Condition(f"? {operator} {sql} AND {sql} {operator} ?", (low, high))
        term, value = operands
        return Condition(f"{self._term(term)} {'IS' if value is None else operator} ?", (value,))

    def _term(self, term: Any) -> str:
        name = str(term.get("var")) if isinstance(term, dict) else ""
        if name not in self.columns:
            raise invalid([f"filter: {name} term is not supported"])
        return self.columns[name]

    def _order(self, query: Mapping[str, str]) -> str:
        terms = [term.strip() for term in query.get("sort", "").split(",")]
        known = [
            f"{self.columns[term.lstrip('-')]} {'DESC' if term.startswith('-') else 'ASC'}"
            for term in terms
            if term.lstrip("-") in self.columns
        ]
        return ", ".join([*known, f"{self.table}.{self.key} {self.order}"])


@dataclass(frozen=True, slots=True)
class _Page:
    number: int
    size: int

    @classmethod
    def of(cls, query: Mapping[str, str], count: int) -> "_Page":
        asked = query.get("page_size", "")
        size = int(asked) if asked.isdecimal() and int(asked) > 0 else _DEFAULT_PAGE_SIZE
        if asked == "all":
            size = max(count, 1)
        last = max(1, -(-count // size))
        number = query.get("page", "1")
        if number == "last":
            number = str(last)
        if not number.isdecimal() or not 1 <= int(number) <= last:
            raise Refusal(404, {"detail": "Invalid page."})
        return cls(int(number), size)

    @staticmethod
    def link(call: Call, number: int) -> str:
        query = [(k, v) for k, v in parse_qsl(call.request.url.query, keep_blank_values=True) if k != "page"]
        if number > 1:
            query.append(("page", str(number)))
        text = urlencode(sorted(query))
        return call.url(call.request.url.path) + (f"?{text}" if text else "")


def _containing(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _unreadable(text: str) -> Refusal:
    try:
        json.loads(text)
        reason = "not a JSON value"
    except ValueError as error:
        reason = str(error)
    return invalid([f"filter: can't parse filter expression: {reason}"])
