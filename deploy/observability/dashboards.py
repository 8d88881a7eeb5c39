"""From a table of panels to a dashboard of Grafana, in Grafana's own types."""

import yaml
from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as shared, dashboard as model, prometheus as query_model

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
KINDS = {"lines": timeseries.Panel, "stacked": timeseries.Panel, "stat": stat.Panel, "bars": bargauge.Panel, "heatmap": heatmap.Panel}
# What shows the present alone.
INSTANT = {"stat", "bars"}
HEIGHTS = {"stat": 4}
ALLOWED = {"title", "kind", "unit", "width", "help", "query", "queries", "good_above", "bad_above", "max", "unseen"}


def load(path):
    """The table of one dashboard. A key that nobody reads is a mistake."""
    source = yaml.safe_load(path.read_text())
    check(path.name, source)
    return source


def check(name, source):
    for panel in panels(source):
        unknown = set(panel) - ALLOWED
        if unknown:
            raise SystemExit(f"{name}: {panel['title']}: nobody reads {', '.join(sorted(unknown))}")


def panels(source):
    return [panel for row in source["rows"] for panel in row["panels"]]


def queries(panel):
    """Pairs of legend and query. A query without a legend is told apart by its labels."""
    return list(panel.get("queries", {"": panel.get("query")}).items())


def thresholds(panel):
    steps = [("green", None)]
    if "good_above" in panel:
        steps = [("red", None), ("green", panel["good_above"])]
    if "bad_above" in panel:
        steps.append(("red", panel["bad_above"]))
    made = [model.Threshold(value=value, color=color) for color, value in steps]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(made)


def target(kind, legend, query, number):
    built = prometheus.Dataquery().expr(" ".join(query.split())).ref_id(chr(ord("A") + number))
    if kind in INSTANT:
        built = built.instant()
    else:
        built = built.range()
    if kind == "heatmap":
        built = built.format(query_model.PromQueryFormat.HEATMAP)
    return built.legend_format(legend or "__auto")


def styled(panel, built):
    """What only some kinds have."""
    kind = panel["kind"]
    if kind in ("lines", "stacked"):
        built = built.legend(common.VizLegendOptions().display_mode(shared.LegendDisplayMode.LIST).placement(shared.LegendPlacement.BOTTOM).show_legend(True))
        built = built.tooltip(common.VizTooltipOptions().mode(shared.TooltipDisplayMode.MULTI).sort(shared.SortOrder.DESCENDING)).min(0)
        if "bad_above" in panel or "good_above" in panel:
            built = built.thresholds_style(common.GraphThresholdsStyleConfig().mode(shared.GraphThresholdsStyleMode.DASHED))
    if kind == "stacked":
        built = built.stacking(common.StackingConfig().mode(shared.StackingMode.NORMAL)).fill_opacity(40)
    if kind == "bars":
        built = built.orientation(shared.VizOrientation.HORIZONTAL)
    if "max" in panel:
        built = built.max(panel["max"])
    return built


def panel_of(panel, number):
    kind = panel["kind"]
    built = KINDS[kind]().id(number).title(panel["title"]).description(panel.get("help", "")).datasource(DATASOURCE)
    built = built.span(panel.get("width", 8)).height(HEIGHTS.get(kind, 8))
    if kind == "heatmap":
        axis = heatmap.YAxisConfig().unit(panel.get("unit", "s"))
        return with_targets(panel, built.y_axis(axis).calculate(False))
    return with_targets(panel, styled(panel, built.unit(panel.get("unit", "short")).thresholds(thresholds(panel))))


def with_targets(panel, built):
    for number, (legend, query) in enumerate(queries(panel)):
        built = built.with_target(target(panel["kind"], legend, query, number))
    return built


def build(source):
    """The dashboard as JSON."""
    built = (
        dashboard.Dashboard(f"Tagfleet / {source['title']}")
        .uid(source["uid"])
        .description(source["description"])
        .tags(["tagfleet"])
        .readonly()
        .refresh("30s")
        .time("now-1h", "now")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(dashboard.DashboardLink("Tagfleet").type(model.DashboardLinkType.DASHBOARDS).tags(["tagfleet"]).as_dropdown(True).keep_time(True))
    )
    number = 0
    for row in source["rows"]:
        number += 1
        built = built.with_row(dashboard.Row(row["title"]).id(number))
        for panel in row["panels"]:
            number += 1
            built = built.with_panel(panel_of(panel, number))
    return JSONEncoder(sort_keys=True, indent=1).encode(built.build()) + "\n"
