// Draws DATA.panels on Grafana's grid, each type as Grafana would.
const COLORS = ["#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#37872d", "#fade2a", "#c0d8ff", "#ffa6b0", "#8f3bb8"];
const NAMED = { green: "#73bf69", orange: "#ff9830", red: "#f2495c", transparent: "transparent", blue: "#5794f2" };
const QUIET = "#8e939b", GRID = "#24282e";

const add = (parent, tag, kind, text) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
};
// What stands below a chart must stand there before it is drawn: it takes the room that is left.
const chart = (body, option, below = () => {}) => {
  const place = add(body, "div", "chart");
  below();
  const drawn = echarts.init(place, null, { renderer: "canvas" });
  drawn.setOption({ animation: false, textStyle: { fontFamily: "Inter, DejaVu Sans, sans-serif" }, color: COLORS, ...option });
};
const values = (series) => series.points.map(([, value]) => value).filter((value) => value !== null);
const last = (series) => values(series).at(-1) ?? null;
const most = (series) => values(series).reduce((one, other) => Math.max(one, other), -Infinity);
const colorAt = (panel, value) => {
  const passed = panel.steps.filter((step) => step.value === null || step.value === undefined || value >= step.value);
  return NAMED[passed.at(-1)?.color] ?? NAMED.green;
};

const timeAxis = () => ({
  type: "time", min: DATA.start * 1000, max: DATA.end * 1000, splitNumber: 5,
  axisLabel: { color: QUIET, fontSize: 11, hideOverlap: true, formatter: (time) => clock(time / 1000) },
  axisLine: { lineStyle: { color: GRID } }, axisTick: { show: false }, splitLine: { show: true, lineStyle: { color: GRID } },
});
// A limit far above everything would make all curves one flat line: then the axis ends at the curves.
const highest = (panel) => panel.series.reduce((found, each) => Math.max(found, most(each)), 0);

function timeseries(panel, body) {
  const stacked = panel.custom.stacking?.mode === "normal";
  const limit = panel.steps.find((step) => step.color === "red" && typeof step.value === "number");
  const yes = panel.unit === "bool_yes_no";
  const close = limit && highest(panel) > limit.value / 8;
  chart(body, {
    grid: { left: 8, right: 14, top: 12, bottom: 4, containLabel: true },
    tooltip: { trigger: "axis", valueFormatter: (value) => format(panel.unit, value) },
    xAxis: timeAxis(),
    yAxis: {
      type: "value", min: panel.min ?? undefined,
      max: yes ? 1 : close ? (range) => Math.max(range.max, limit.value * 1.1) : undefined,
      interval: yes ? 1 : undefined, splitNumber: 4,
      axisLabel: { color: QUIET, fontSize: 11, showMaxLabel: close ? false : undefined, formatter: (value) => format(panel.unit, value) },
      splitLine: { lineStyle: { color: GRID } },
    },
    series: panel.series.map((each, place) => ({
      type: "line", name: each.name, showSymbol: each.points.length === 1, symbolSize: 5, stack: stacked ? "all" : undefined,
      lineStyle: { width: 1.5 }, areaStyle: { opacity: stacked ? 0.35 : panel.series.length > 6 ? 0 : 0.1 },
      data: each.points.map(([time, value]) => [time * 1000, value]),
      markLine: place === 0 && close ? {
        silent: true, symbol: "none", data: [{ yAxis: limit.value }],
        lineStyle: { color: NAMED.red, type: "dashed" },
        label: { formatter: "limit " + format(panel.unit, limit.value), color: NAMED.red, position: "insideEndTop", fontSize: 11 },
      } : undefined,
    })),
  }, () => legend(panel, body, limit && !close ? limit.value : null));
}

function legend(panel, body, limit) {
  const shown = [...panel.series.keys()].sort((one, other) => most(panel.series[other]) - most(panel.series[one]));
  const room = panel.place.h >= 8 ? 5 : 3;
  const table = add(add(body, "div", "legend"), "table");
  const head = add(table, "tr");
  ["", "last", "max"].forEach((text) => add(head, "th", text && "value", text));
  if (limit !== null && limit !== undefined) head.firstChild.textContent = "limit " + format(panel.unit, limit);
  for (const number of shown.slice(0, shown.length > room ? room - 1 : room)) {
    const each = panel.series[number], line = add(table, "tr"), name = add(line, "td");
    add(name, "span", "mark").style.background = COLORS[number % COLORS.length];
    name.append(each.name);
    add(line, "td", "value", format(panel.unit, last(each)));
    add(line, "td", "value", format(panel.unit, values(each).length ? most(each) : null));
  }
  if (shown.length > room) add(add(table, "tr"), "td", null, `and ${shown.length - room + 1} more, all below`).style.color = QUIET;
}

function stat(panel, body) {
  const [first] = panel.series, value = last(first);
  add(body, "div", "number", format(panel.unit, value)).style.color = colorAt(panel, value);
  if (panel.options.graphMode !== "area" || first.points.length < 2) return;
  const color = colorAt(panel, value);
  chart(body, {
    grid: { left: 0, right: 0, top: 0, bottom: 0 },
    xAxis: { ...timeAxis(), show: false }, yAxis: { type: "value", show: false, min: (range) => Math.min(0, range.min) },
    series: [{ type: "line", showSymbol: false, color, lineStyle: { width: 1, opacity: 0.8 }, areaStyle: { opacity: 0.15 }, data: first.points.map(([time, number]) => [time * 1000, number]) }],
  });
}

function gauge(panel, body) {
  const value = last(panel.series[0]), low = panel.min ?? 0, high = panel.max ?? 100;
  const at = (number) => Math.min(Math.max((number - low) / (high - low), 0), 1);
  const bounds = panel.steps.map((step, place) => [at(panel.steps[place + 1]?.value ?? high), NAMED[step.color]]);
  const arc = { type: "gauge", startAngle: 200, endAngle: -20, min: low, max: high, radius: "118%", center: ["50%", "68%"], axisTick: { show: false }, splitLine: { show: false }, axisLabel: { show: false }, pointer: { show: false }, silent: true };
  const size = panel.place.w < 6 ? 22 : 26;
  chart(body, {
    series: [
      { ...arc, axisLine: { lineStyle: { width: 4, color: bounds.length ? bounds : [[1, NAMED.green]] } }, data: [] },
      {
        ...arc, radius: "108%", axisLine: { lineStyle: { width: 18, color: [[1, "#2c3036"]] } },
        progress: { show: true, width: 18, itemStyle: { color: colorAt(panel, value) } },
        detail: { offsetCenter: [0, "-4%"], fontSize: size, fontWeight: 600, color: colorAt(panel, value), formatter: () => format(panel.unit, value) },
        data: [{ value: Math.min(Math.max(value, low), high) }],
      },
    ],
  });
}

function table(panel, body) {
  const labels = [...new Set(panel.series.flatMap((each) => Object.keys(each.labels)))].filter((label) => label !== "job");
  const queries = [...new Set(panel.series.map((each) => each.query))];
  const drawn = add(body, "table"), head = add(drawn, "tr");
  labels.forEach((label) => add(head, "th", null, label));
  queries.forEach((query) => add(head, "th", "value", queries.length > 1 ? "Value #" + "ABCDEFGH"[query] : "Value"));
  const room = Math.floor((panel.place.h * 38 - 70) / 24);
  for (const each of panel.series.slice(0, room)) {
    const line = add(drawn, "tr");
    labels.forEach((label) => add(line, "td", null, each.labels[label] ?? ""));
    queries.forEach((query) => add(line, "td", "value", query === each.query ? format(panel.unit, last(each)) : ""));
  }
  if (panel.series.length > room) add(add(drawn, "tr"), "td", null, `and ${panel.series.length - room} more`).style.color = QUIET;
}

function bargauge(panel, body) {
  const shown = [...panel.series].sort((one, other) => last(other) - last(one)).slice(0, 10);
  const end = panel.max ?? Math.max(...shown.map(last));
  const bars = add(body, "div", "bars");
  for (const each of shown) {
    add(bars, "span", null, each.name);
    add(bars, "i").style.width = `${Math.max((last(each) / end) * 100, 1)}%`;
    add(bars, "b", null, format(panel.unit, last(each)));
  }
}

function piechart(panel, body) {
  const data = panel.series.filter((each) => last(each)).map((each) => ({ name: each.name, value: last(each) }));
  const numbers = Object.fromEntries(data.map((each) => [each.name, format(panel.unit, each.value)]));
  chart(body, {
    legend: { orient: "vertical", right: 16, top: "middle", textStyle: { color: "#d8d9da" }, formatter: (name) => `${name}   ${numbers[name]}` },
    series: [{ type: "pie", radius: "88%", center: ["34%", "50%"], label: { show: false }, itemStyle: { borderColor: "#181b1f", borderWidth: 1 }, data }],
  });
}

function columns(panel, body, names, numbers) {
  chart(body, {
    grid: { left: 8, right: 14, top: 24, bottom: 6, containLabel: true },
    tooltip: { valueFormatter: (value) => format("short", value) },
    xAxis: { type: "category", data: names, axisLabel: { color: QUIET, fontSize: 11, interval: 0, hideOverlap: true }, axisTick: { show: false }, axisLine: { lineStyle: { color: GRID } } },
    yAxis: { type: "value", splitNumber: 4, axisLabel: { color: QUIET, fontSize: 11, formatter: (value) => format("short", value) }, splitLine: { lineStyle: { color: GRID } } },
    series: [{ type: "bar", barMaxWidth: 70, data: numbers, label: { show: true, position: "top", color: "#d8d9da", fontSize: 11, formatter: ({ value }) => (value ? format("short", value) : "") } }],
  });
}
const barchart = (panel, body) => columns(panel, body, panel.series.map((each) => each.labels[panel.options.xField]), panel.series.map(last));

// Buckets of a Prometheus histogram count everything up to their bound: what lies between two bounds is their difference.
const byBound = (panel) => [...panel.series].sort((one, other) => bound(one) - bound(other));
const bound = (series) => (series.labels.le === "+Inf" ? Infinity : Number(series.labels.le));
const boundName = (panel, series) => (bound(series) === Infinity ? "more" : "≤ " + format(panel.unit, bound(series)));

function histogram(panel, body) {
  const buckets = byBound(panel);
  columns(panel, body, buckets.map((each) => boundName(panel, each)), buckets.map((each, place) => Math.max(last(each) - (place ? last(buckets[place - 1]) : 0), 0)));
}

function heatmap(panel, body) {
  const buckets = byBound(panel);
  const times = [...new Set(buckets.flatMap((each) => each.points.map(([time]) => time)))].sort((one, other) => one - other);
  const at = buckets.map((each) => new Map(each.points));
  const cells = [];
  times.forEach((time, column) => at.forEach((bucket, line) => {
    const count = (bucket.get(time) ?? 0) - (line ? at[line - 1].get(time) ?? 0 : 0);
    if (count > 1e-9) cells.push([column, line, count]);
  }));
  const top = Math.max(...cells.map(([, , count]) => count), 0);
  // Colors by the square root, or one bucket that has nearly everything would leave the others dark.
  chart(body, {
    grid: { left: 8, right: 14, top: 10, bottom: 4, containLabel: true },
    tooltip: { formatter: ({ value: [column, line, , count] }) => `${clock(times[column])} ${boundName(panel, buckets[line])}: ${digits(count)}/s` },
    xAxis: { type: "category", data: times.map(clock), axisLabel: { color: QUIET, fontSize: 11, interval: Math.ceil(times.length / 6) }, axisTick: { show: false }, axisLine: { lineStyle: { color: GRID } } },
    yAxis: { type: "category", data: buckets.map((each) => boundName(panel, each)), axisLabel: { color: QUIET, fontSize: 11 }, axisTick: { show: false }, axisLine: { lineStyle: { color: GRID } } },
    visualMap: { show: false, min: 0, max: Math.sqrt(top) || 1, dimension: 2, inRange: { color: ["#16324f", "#1f78c1", "#3cb4a0", "#f2cc0c", "#ff780a", "#f2495c"] } },
    series: [{ type: "heatmap", data: cells.map(([column, line, count]) => [column, line, Math.sqrt(count), count]), itemStyle: { borderColor: "#181b1f", borderWidth: 0.5 } }],
  });
}

const DRAW = { timeseries, stat, gauge, table, bargauge, piechart, barchart, histogram, heatmap };

document.getElementById("span").textContent = `${new Date(DATA.end * 1000).toISOString().slice(0, 10)}  ${clock(DATA.start)} - ${clock(DATA.end)}`;
for (const panel of DATA.panels) {
  const place = panel.place, row = panel.type === "row";
  const outer = add(document.getElementById("board"), "section", row ? "row" : `panel ${panel.type}`);
  outer.style.gridColumn = `${place.x + 1} / span ${place.w}`;
  outer.style.gridRow = `${place.y + 1} / span ${place.h}`;
  if (row) { outer.textContent = panel.title; continue; }
  const title = add(outer, "h2", null, panel.title);
  title.title = panel.description;
  const body = add(outer, "div", "body");
  if (!DRAW[panel.type]) throw new Error("no way to draw a panel of type " + panel.type);
  if (panel.series.some((each) => values(each).length)) DRAW[panel.type](panel, body);
  else add(body, "div", "nothing", "No data");
}
