"""Dashboards as Grafana reads them, and their queries as it and its ClickHouse plugin send them.

https://grafana.com/docs/plugins/grafana-clickhouse-datasource/latest/query-editor/#macros
"""

import glob
import json
import os
import re

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NCG = os.path.join(os.path.dirname(TESTS), "compose", "ncg")
ALL = "$__all"


def dashboards():
    """(file name, dashboard) of every dashboard of compose/ncg."""
    for path in sorted(glob.glob(os.path.join(NCG, "grafana", "dashboards", "*.json"))):
        with open(path, encoding="utf-8") as file:
            yield os.path.basename(path), json.load(file)


def targets(kind):
    """(dashboard, panel, target) of every query of a data source of this kind."""
    for _, dashboard in dashboards():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                if target["datasource"]["type"] == kind:
                    yield dashboard, panel, target


def closing(text, at):
    """The place of the parenthesis that closes the one at this place."""
    depth = 0
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i
    raise ValueError(f"unbalanced: {text[at:]}")


def replace_call(text, name, make):
    """Replaces each call of a macro by what `make` says to its argument."""
    while (begin := text.rfind(name + "(")) >= 0:
        end = closing(text, begin + len(name))
        text = text[:begin] + make(text[begin + len(name) + 1:end]) + text[end + 1:]
    return text


def quote(value):
    return "'" + value.replace("'", "''") + "'"


def put_variables(text, values):
    """values: {name: text, list of texts, or ALL}."""
    def all_or(arguments):
        condition, _, name = arguments.rpartition(",")
        value = values[name.strip().strip("${}")]
        return "1=1" if value in ("", ALL) else condition

    def formatted(match):
        value, form = values[match.group(1)], match.group(2)
        many = value if isinstance(value, list) else [value]
        return ",".join(quote(one) for one in many) if form == ":sqlstring" else ",".join(many)

    text = replace_call(text, "$__conditionalAll", all_or)
    return re.sub(r"\$\{(\w+?)(:\w+)?\}", formatted, text)


def expand(text, values, begin, end, interval):
    """A query of ClickHouse as it is sent: times in Unix seconds, the interval in seconds."""
    text = put_variables(text, values)
    text = text.replace("$__fromTime", f"toDateTime({begin})")
    text = text.replace("$__toTime", f"toDateTime({end})")
    text = text.replace("$__interval_s", str(interval))
    text = replace_call(text, "$__timeFilter", lambda column:
                        f"{column} >= toDateTime({begin}) AND {column} <= toDateTime({end})")
    text = replace_call(text, "$__timeInterval", lambda column:
                        f"toStartOfInterval(toDateTime({column}), INTERVAL {interval} second)")
    if "$" in text:
        raise ValueError(f"not expanded: {text[text.index('$'):][:40]}")
    return text
