"""What a dashboard is made of, in few words: panels with their queries, rows, and the variables that all share.

Everything is built with Grafana's own SDK, so that each panel is one of its types. An expression is written as in
alerts/: it selects job="listings", and is narrowed here to what the variables at the top of the dashboard say.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from grafana_foundation_sdk.builders import (
    barchart,
    bargauge,
    common,
    dashboard,
    gauge,
    heatmap,
    histogram,
    piechart,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

SOURCE: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
# A server error, as alerts/recording.yaml says it.
FAILED: Final = "UNKNOWN|DEADLINE_EXCEEDED|INTERNAL|UNAVAILABLE|DATA_LOSS|UNIMPLEMENTED"
FOLDER_TAG: Final = "listings"
GREEN, ORANGE, RED = "green", "orange", "red"

# Panels of all types have the same methods, but no class that says so.
Panel = (
    barchart.Panel
    | bargauge.Panel
    | gauge.Panel
    | heatmap.Panel
    | histogram.Panel
    | piechart.Panel
    | stat.Panel
    | table.Panel
    | timeseries.Panel
)
# A heading, and the panels below it, 24 columns to a line.
Row = tuple[str, tuple[Panel, ...]]


def query(
    expression: str, legend: str = "", *, instant: bool = False, form: PromQueryFormat | None = None
) -> prometheus.Dataquery:
    """One query; `legend` names its series."""
    made = prometheus.Dataquery().expr(narrowed(expression)).legend_format(legend)
    if form:
        made.format(form)
    return made.instant() if instant else made.range()


def narrowed(expression: str) -> str:
    """An expression of the whole job, for the namespaces, services and instances that were chosen."""
    text = re.sub(r"\s+", " ", expression.strip())
    ours = 'job="listings",namespace=~"$namespace",service=~"$service"'
    # Recorded series are sums over instances, or there would be no point in them.
    text = re.sub(r'(\w:[\w:]+)\{job="listings"', rf"\1{{{ours}", text)
    text = re.sub(r'\{job="listings"(?!,namespace)', f'{{{ours},instance=~"$instance"', text)
    return text.replace(
        '{job="listings-operator"', '{job="listings-operator",namespace=~"$namespace",instance=~"$instance"'
    )


def _finished(
    panel: Panel,
    title: str,
    description: str,
    unit: str,
    queries: Iterable[prometheus.Dataquery],
    size: tuple[int, int],
) -> Panel:
    panel.title(title).description(description).unit(unit).datasource(SOURCE).span(size[0]).height(size[1])
    for letter, each in zip("ABCDEFGH", queries, strict=False):
        panel.with_target(each.ref_id(letter))
    return panel


def _limits(steps: Iterable[tuple[float, str]], base: str) -> dashboard.ThresholdsConfig:
    colors = [model.Threshold(None, base), *(model.Threshold(value, color) for value, color in steps)]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(colors)


def value(
    title: str,
    description: str,
    unit: str,
    expression: str,
    *,
    steps: Iterable[tuple[float, str]] = (),
    base: str = GREEN,
    width: int = 6,
) -> Panel:
    """One number, colored by the steps it has passed."""
    panel = (
        stat.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_limits(steps, base))
        .graph_mode(common_model.BigValueGraphMode.AREA)
    )
    return _finished(panel, title, description, unit, [query(expression)], (width, 4))


def dial(
    title: str,
    description: str,
    unit: str,
    expression: str,
    *,
    end: float,
    start: float = 0,
    steps: Iterable[tuple[float, str]] = (),
    base: str = GREEN,
    width: int = 6,
) -> Panel:
    """One number of a known range."""
    panel = (
        gauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_limits(steps, base))
        .min(start)
        .max(end)
    )
    return _finished(panel, title, description, unit, [query(expression)], (width, 6))


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: prometheus.Dataquery,
    limit: float | None = None,
    stacked: bool = False,
    width: int = 12,
) -> Panel:
    """Series over time; `limit` draws what an alert or an objective allows."""
    panel = timeseries.Panel().min(0).fill_opacity(10).show_points(common_model.VisibilityMode.NEVER)
    panel.tooltip(common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI))
    panel.legend(
        common.VizLegendOptions()
        .display_mode(common_model.LegendDisplayMode.TABLE)
        .placement(common_model.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
        .show_legend(True)
    )
    if limit is not None:
        panel.thresholds(_limits([(limit, RED)], "transparent")).thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_model.GraphTresholdsStyleMode.LINE)
        )
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
    return _finished(panel, title, description, unit, queries, (width, 8))


def rows(title: str, description: str, unit: str, *expressions: str, width: int = 12) -> Panel:
    """A table of how things stand now, a line for each series."""
    asked = [query(each, instant=True, form=PromQueryFormat.TABLE) for each in expressions]
    panel = table.Panel().with_transformation(
        model.DataTransformerConfig(
            id_val="organize", options={"excludeByName": {"Time": True, "__name__": True, "job": True}}
        )
    )
    return _finished(panel, title, description, unit, asked, (width, 8))


def bars(title: str, description: str, unit: str, expression: str, label: str, *, width: int = 12) -> Panel:
    """A bar for each value of a label, now."""
    asked = query(expression, instant=True, form=PromQueryFormat.TABLE)
    panel = (
        barchart.Panel()
        .x_field(label)
        .with_transformation(
            model.DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}})
        )
    )
    return _finished(panel, title, description, unit, [asked], (width, 8))


def levels(
    title: str, description: str, unit: str, expression: str, legend: str, *, width: int = 12
) -> Panel:
    """A horizontal bar for each series, now."""
    panel = (
        bargauge.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .orientation(common_model.VizOrientation.HORIZONTAL)
        .min(0)
    )
    return _finished(panel, title, description, unit, [query(expression, legend, instant=True)], (width, 8))


def shares(
    title: str, description: str, unit: str, expression: str, legend: str, *, width: int = 12
) -> Panel:
    """What a whole is made of, now."""
    panel = (
        piechart.Panel()
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .legend(
            piechart.PieChartLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.RIGHT)
            .show_legend(True)
        )
    )
    return _finished(panel, title, description, unit, [query(expression, legend, instant=True)], (width, 8))


def heat(title: str, description: str, unit: str, buckets: str, *, width: int = 12) -> Panel:
    """How often which bucket of a histogram was hit, over time."""
    asked = query(buckets, "{{le}}", form=PromQueryFormat.HEATMAP)
    panel = heatmap.Panel().calculate(False).y_axis(heatmap.YAxisConfig().unit(unit))
    panel.color(heatmap.HeatmapColorOptions().mode(heatmap_model.HeatmapColorMode.SCHEME).scheme("Spectral"))
    return _finished(panel, title, description, unit, [asked], (width, 8))


def distribution(title: str, description: str, unit: str, buckets: str, *, width: int = 12) -> Panel:
    """How many observations fell into each bucket of a histogram."""
    asked = query(buckets, "{{le}}", instant=True, form=PromQueryFormat.HEATMAP)
    return _finished(histogram.Panel(), title, description, unit, [asked], (width, 8))


def _choice(name: str, label: str, asked: str) -> dashboard.QueryVariable:
    """A variable with any number of values; all of them, and series without the label, to begin with."""
    everything = model.VariableOption(selected=True, text="All", value="$__all")
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(asked)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(everything)
    )


def service_variables() -> list[dashboard.QueryVariable]:
    """What a dashboard about Listings lets one choose."""
    chosen = 'namespace=~"$namespace"'
    return [
        _choice("namespace", "Namespace", 'label_values(up{job="listings"}, namespace)'),
        _choice("service", "Service", f'label_values(up{{job="listings",{chosen}}}, service)'),
        _choice(
            "instance",
            "Instance",
            f'label_values(up{{job="listings",{chosen},service=~"$service"}}, instance)',
        ),
    ]


def operator_variables() -> list[dashboard.QueryVariable]:
    """What the dashboard about the operator lets one choose."""
    chosen = 'namespace=~"$namespace"'
    return [
        _choice("namespace", "Namespace", 'label_values(up{job="listings-operator"}, namespace)'),
        _choice("instance", "Instance", f'label_values(up{{job="listings-operator",{chosen}}}, instance)'),
    ]


def board(
    uid: str, title: str, description: str, variables: list[dashboard.QueryVariable], *content: Row
) -> dashboard.Dashboard:
    """A dashboard: 30 s refresh, the last hour, links to the others of its tag."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([FOLDER_TAG])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Listings")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([FOLDER_TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for each in variables:
        made.with_variable(each)
    number = 0
    for heading, panels in content:
        number += 1
        made.with_row(dashboard.Row(heading).id(number))
        for panel in panels:
            number += 1
            made.with_panel(panel.id(number))
    return made


def rendered(made: dashboard.Dashboard) -> str:
    """Its file."""
    return json.dumps(_said(json.loads(JSONEncoder().encode(made.build()))), indent=1, sort_keys=True) + "\n"


def _said(node: Any) -> Any:
    """Without what was left unsaid: the SDK itself cannot read its `null`; a threshold's means minus infinity."""
    if isinstance(node, dict):
        return {key: _said(each) for key, each in node.items() if each is not None or key == "value"}
    return [_said(each) for each in node] if isinstance(node, list) else node
