"""How this project's panels look: one function for each kind, with the defaults that all of them share.

Knows Grafana's panels and the one data source variable; knows no metric. Panels stay legible with one job
and with three hundred: lists are cut or paged, legends are tables that scroll.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import table as tables
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, RED, BLUE, GREY, ORANGE, PURPLE = (
    "green",
    "yellow",
    "red",
    "blue",
    "#8e8e8e",
    "orange",
    "purple",
)

Panel = TypeVar("Panel", bargauge.Panel, stat.Panel, statetimeline.Panel, tables.Panel, timeseries.Panel)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every panel has; width and height in Grafana's grid, 24 wide."""

    title: str
    description: str
    width: int
    height: int
    unit: str = "short"
    steps: tuple[tuple[float | None, str], ...] = ((None, GREEN),)
    no_value: str | None = None
    least: float | None = 0
    """Where a graph begins; None: at its lowest value."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table by the name that the query gives it: a label, or `Value #A`."""

    name: str
    title: str
    unit: str | None = None
    width: int | None = None
    mapping: Mapping[str, str] | None = None
    steps: tuple[tuple[float | None, str], ...] = ()
    drill: bool = False


def number(frame: Frame, expr: str) -> stat.Panel:
    """One number for now, its background by the thresholds."""
    return (
        _framed(stat.Panel(), frame)
        .with_target(_instant(expr))
        .graph_mode(options.BigValueGraphMode.NONE)
        .color_mode(options.BigValueColorMode.BACKGROUND_SOLID)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def gauges(frame: Frame, expr: str, legend: str) -> bargauge.Panel:
    """A bar for each series, as the query orders them."""
    return (
        _framed(bargauge.Panel(), frame)
        .with_target(_instant(expr).legend_format(legend))
        .orientation(options.VizOrientation.HORIZONTAL)
        .display_mode(options.BarGaugeDisplayMode.BASIC)
        .value_mode(options.BarGaugeValueMode.COLOR)
        .name_placement(options.BarGaugeNamePlacement.LEFT)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .min(0)
    )


def table(
    frame: Frame, exprs: Sequence[str], columns: Sequence[Column], sort: str, *, down: bool
) -> tables.Panel:
    """A row for each set of labels that the queries share; `columns` in their order, the rest hidden.

    The value of a single query is named `Value`, those of several `Value #A`, `Value #B`, …
    """
    panel = _framed(tables.Panel(), frame)
    for letter, expr in zip("ABCDEFGH", exprs, strict=False):
        panel.with_target(_instant(expr).format(PromQueryFormat.TABLE).ref_id(letter))
    for column in columns:
        panel.override_by_name(column.title, _properties(column))
    shown = [column.name for column in columns]
    panel.transformations(
        [
            model.DataTransformerConfig("merge", options={}),
            model.DataTransformerConfig("filterFieldsByName", options={"include": {"names": shown}}),
            model.DataTransformerConfig(
                "organize",
                options={
                    "indexByName": {name: place for place, name in enumerate(shown)},
                    "renameByName": {column.name: column.title for column in columns},
                },
            ),
        ]
    )
    return panel.sort_by([common.TableSortByFieldState().display_name(sort).desc(down)]).filterable(
        filterable=True
    )


def lines(frame: Frame, *queries: tuple[str, str]) -> timeseries.Panel:
    """Queries with the legend of each."""
    panel = _graph(frame, queries)
    return panel.fill_opacity(8).show_points(options.VisibilityMode.NEVER)


def bars(
    frame: Frame, *queries: tuple[str, str], colors: Mapping[str, str] | None = None
) -> timeseries.Panel:
    """Stacked, one bar for five minutes or more: what happens now and then is not smeared into a line."""
    panel = (
        _graph(frame, queries)
        .draw_style(options.GraphDrawStyle.BARS)
        .stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))
        .fill_opacity(80)
        .line_width(0)
        .interval("5m")
        .decimals(0)
    )
    for name, color in (colors or {}).items():
        panel.override_by_regexp(rf"/(^|· ){name}$/", [_fixed(color)])
    return panel


def states(frame: Frame, expr: str, legend: str, words: Mapping[int, tuple[str, str]]) -> statetimeline.Panel:
    """A lane for each series, twenty-five at a time; `words` are text and color of each value."""
    return (
        _framed(statetimeline.Panel(), frame)
        .with_target(_range(expr, legend))
        .mappings(
            [
                model.ValueMap(
                    {
                        str(value): model.ValueMappingResult(text=text, color=color, index=value)
                        for value, (text, color) in words.items()
                    }
                )
            ]
        )
        .show_value(options.VisibilityMode.NEVER)
        .row_height(0.85)
        .line_width(0)
        .fill_opacity(85)
        .per_page(25)
        .max_data_points(
            720
        )  # two minutes a point in a day: thousands of jobs stay within Prometheus' limits
        .legend(
            common.VizLegendOptions().show_legend(show_legend=True).placement(options.LegendPlacement.BOTTOM)
        )
    )


def dashed(panel: timeseries.Panel, ref_id: str) -> timeseries.Panel:
    """The lines of one query as limits."""
    style = {"fill": "dash", "dash": [8, 8]}
    return panel.override_by_query(
        ref_id,
        [
            model.DynamicConfigValue("custom.lineStyle", style),
            model.DynamicConfigValue("custom.fillOpacity", 0),
        ],
    )


def _framed(panel: Panel, frame: Frame) -> Panel:
    panel.title(frame.title).description(frame.description).datasource(DATASOURCE)
    panel.span(frame.width).height(frame.height).unit(frame.unit).thresholds(_thresholds(frame.steps))
    panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
    if frame.no_value is not None:
        panel.no_value(frame.no_value)
    return panel


def _graph(frame: Frame, queries: Sequence[tuple[str, str]]) -> timeseries.Panel:
    panel = _framed(timeseries.Panel(), frame)
    for letter, (expr, legend) in zip("ABCDEFGH", queries, strict=False):
        panel.with_target(_range(expr, legend).ref_id(letter))
    panel.color_scheme(dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    if len(frame.steps) > 1:
        dashes = options.GraphThresholdsStyleMode.DASHED
        panel.thresholds_style(common.GraphThresholdsStyleConfig().mode(dashes))
    if frame.least is not None:
        panel.min(frame.least)
    return panel.legend(
        common.VizLegendOptions()
        .show_legend(show_legend=True)
        .display_mode(options.LegendDisplayMode.TABLE)
        .placement(options.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
    ).tooltip(
        common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING)
    )


def _instant(expr: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(DATASOURCE).expr(expr).instant().ref_id("A")


def _range(expr: str, legend: str) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(DATASOURCE).expr(expr).range().legend_format(legend).ref_id("A")


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> dashboard.ThresholdsConfig:
    mode = model.ThresholdsMode.ABSOLUTE
    return dashboard.ThresholdsConfig().mode(mode).steps([model.Threshold(*step) for step in steps])


def _properties(column: Column) -> list[model.DynamicConfigValue]:
    found = []
    if column.unit is not None:
        found.append(model.DynamicConfigValue("unit", column.unit))
    if column.width is not None:
        found.append(model.DynamicConfigValue("custom.width", column.width))
    if column.mapping is not None:
        words = {text: model.ValueMappingResult(color=color) for text, color in column.mapping.items()}
        found.append(model.DynamicConfigValue("mappings", [model.ValueMap(words)]))
    if column.steps:
        found.append(model.DynamicConfigValue("thresholds", _thresholds(column.steps).build()))
    if column.mapping is not None or column.steps:
        found.append(model.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    if column.drill:
        found.append(model.DynamicConfigValue("links", [_DRILL]))
    return found


_DRILL = {
    "title": "Show this job alone",
    "url": "/d/sfcc-job-monitor-overview?${datasource:queryparam}&${sfcc_instance:queryparam}"
    "&var-job_id=${__value.raw:percentencode}&${__url_time_range}",
}


def _fixed(color: str) -> model.DynamicConfigValue:
    return model.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})
