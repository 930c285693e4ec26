"""What dashboards are made of: panels, queries, variables, and their places on the grid.

Panels are listed in reading order; dashboard() gives each its number and its place, from left to
right and then down. docs: https://grafana.com/docs/grafana/latest/reference/dashboard/
"""

SCHEMA_VERSION = 41  # of Grafana 12.1; later ones bring it up to theirs
COLUMNS = 24
FLOWS = {"type": "grafana-clickhouse-datasource", "uid": "flows-clickhouse"}
OPERATIONS = {"type": "prometheus", "uid": "flows-prometheus"}
CLICKHOUSE_PLUGIN = "4.20.0"
CLICKHOUSE_FORMATS = {"timeseries": 0, "table": 1}
TIME_RANGE = {"from": "now-1h", "to": "now"}


def sql(text, kind):
    """A query of ClickHouse; kind is timeseries or table."""
    return {"datasource": FLOWS, "editorType": "sql", "format": CLICKHOUSE_FORMATS[kind],
            "pluginVersion": CLICKHOUSE_PLUGIN, "queryType": kind, "rawSql": text.strip()}


def prometheus(expression, legend="", instant=False):
    """A query of Prometheus; an instant one gives a table of the latest values."""
    query = {"datasource": OPERATIONS, "editorMode": "code", "expr": expression.strip(),
             "legendFormat": legend or "__auto", "range": not instant, "instant": instant}
    if instant:
        query["format"] = "table"
    return query


def panel(kind, title, queries, width, height, unit, description="", options=None, custom=None,
          **more):
    queries = listed(queries)
    defaults = {"unit": unit, "color": {"mode": "palette-classic"}, "custom": custom or {},
                "mappings": [], "thresholds": steps(more.pop("thresholds", ()))}
    for name in ("min", "max", "decimals", "noValue", "displayName"):
        if name in more:
            defaults[name] = more.pop(name)
    return {
        "type": kind, "title": title, "description": description,
        "datasource": queries[0]["datasource"],
        "targets": [{**query, "refId": chr(ord("A") + i)} for i, query in enumerate(queries)],
        "fieldConfig": {"defaults": defaults, "overrides": more.pop("overrides", [])},
        "options": options or {}, "transformations": more.pop("transformations", []),
        "gridPos": {"w": width, "h": height}, **more}


def listed(one_or_more):
    return one_or_more if isinstance(one_or_more, (list, tuple)) else [one_or_more]


def steps(thresholds):
    """Colours from values on, as (value, colour); green below."""
    return {"mode": "absolute", "steps": [
        {"value": None, "color": "green"},
        *({"value": value, "color": colour} for value, colour in thresholds)]}


def timeseries(title, queries, unit, width=12, height=8, stacked=False, **more):
    """Lines over time. A column called series, of a query of ClickHouse, names them."""
    if any(query.get("rawSql") and " AS series" in query["rawSql"] for query in listed(queries)):
        more["displayName"] = "${__field.labels.series}"
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 60 if stacked else 10,
              "showPoints": "never", "spanNulls": False,
              "stacking": {"mode": "normal" if stacked else "none", "group": "A"}}
    options = {"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                          "calcs": ["mean", "max", "lastNotNull"]},
               "tooltip": {"mode": "multi", "sort": "desc"}}
    return panel("timeseries", title, queries, width, height, unit, options=options, custom=custom,
                 **{"min": 0, **more})


def stat(title, queries, unit, width=4, height=4, thresholds=(), **more):
    options = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
               "colorMode": "value" if thresholds else "none", "graphMode": "area",
               "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
               "wideLayout": True}
    return panel("stat", title, queries, width, height, unit, options=options,
                 thresholds=thresholds, **more)


def bars(title, queries, unit, width=12, height=8, **more):
    """One bar for each row of a table: its first column names it."""
    options = {"orientation": "horizontal", "showValue": "auto", "stacking": "none",
               "xTickLabelRotation": 0, "xTickLabelSpacing": 0, "barWidth": 0.9, "groupWidth": 0.7,
               "barRadius": 0, "fullHighlight": False,
               "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False,
                          "calcs": []},
               "tooltip": {"mode": "single", "sort": "none"}}
    return panel("barchart", title, queries, width, height, unit, options=options, **more)


def table(title, queries, units, width=24, height=10, **more):
    """units: of each column that has one; the others are text or plain numbers."""
    overrides = [column(name, unit=unit) for name, unit in units.items()]
    options = {"showHeader": True, "cellHeight": "sm"}
    custom = {"align": "auto", "cellOptions": {"type": "auto"}, "inspect": False,
              "filterable": True}
    return panel("table", title, queries, width, height, "none", options=options, custom=custom,
                 overrides=overrides + more.pop("overrides", []), **more)


def column(name, **properties):
    """What one column or series has of its own."""
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": key, "value": value} for key, value in properties.items()]}


def row(title):
    return {"type": "row", "title": title, "collapsed": False, "panels": [],
            "gridPos": {"w": COLUMNS, "h": 1}}


def variable(name, label, query, source, many=True):
    """A choice that a query fills; of those with many, any number or all."""
    made = {"type": "query", "name": name, "label": label, "datasource": source,
            "query": query, "refresh": 2, "sort": 1, "hide": 0,
            "skipUrlSync": False, "multi": many, "includeAll": many}
    if many:
        made["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    if source is OPERATIONS:
        made["query"] = {"query": query, "refId": name, "qryType": 1}
        made["allValue"] = ".*"
    return made


def choice(name, label, values):
    """A choice among (text, value) pairs, the first of them unless another is taken."""
    options = [{"text": text, "value": value, "selected": i == 0}
               for i, (text, value) in enumerate(values)]
    return {"type": "custom", "name": name, "label": label, "hide": 0, "skipUrlSync": False,
            "multi": False, "includeAll": False, "options": options, "current": options[0],
            "query": ", ".join(f"{text} : {value}" for text, value in values)}


def textbox(name, label, description):
    return {"type": "textbox", "name": name, "label": label, "description": description, "hide": 0,
            "skipUrlSync": False, "query": "", "current": {"text": "", "value": ""},
            "options": [{"text": "", "value": "", "selected": True}]}


def place(panels):
    """Gives numbers and places: to the right while there is room, else below the tallest."""
    x = y = tallest = 0
    for number, made in enumerate(panels, start=1):
        size = made["gridPos"]
        if x + size["w"] > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        made["id"] = number
        made["gridPos"] = {"x": x, "y": y, "w": size["w"], "h": size["h"]}
        x += size["w"]
        tallest = max(tallest, size["h"])
    return panels


def dashboard(uid, title, description, panels, variables=(), refresh="1m"):
    links = [{"type": "dashboards", "title": "Flows", "tags": ["flows"], "asDropdown": True,
              "includeVars": False, "keepTime": True, "targetBlank": False, "icon": "external link",
              "tooltip": "", "url": ""}]
    return {"uid": uid, "title": title, "description": description, "tags": ["flows"],
            "schemaVersion": SCHEMA_VERSION, "version": 1, "editable": True, "graphTooltip": 1,
            "timezone": "browser", "time": TIME_RANGE, "refresh": refresh, "links": links,
            "fiscalYearStartMonth": 0, "annotations": {"list": []},
            "templating": {"list": list(variables)}, "panels": place(panels)}
