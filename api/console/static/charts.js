/* Charts, drawn from documents that say what is shown (api/console/charts.py), in the page's colours. */
"use strict";

document.addEventListener("DOMContentLoaded", () => {
  const { one, ask, widget, language } = window.pricewright;

  const colour = (name) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${name})`;
    document.body.append(probe);
    const found = getComputedStyle(probe).color;
    probe.remove();
    return found;
  };
  const written = (axis) => {
    const number = new Intl.NumberFormat(language, { minimumFractionDigits: axis.digits, maximumFractionDigits: axis.digits });
    return (value) => (value === null || value === undefined || Number.isNaN(value) ? "–" : `${number.format(value)}${axis.unit ? `\u202f${axis.unit}` : ""}`);
  };
  const day = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  const place = (axis) => (axis.kind === "time" ? (value) => day.format(new Date(value)) : axis.kind === "category" ? String : written(axis));
  const named = (axis) => (axis.unit ? `${axis.name} (${axis.unit})` : axis.name);

  const axis_of = (axis, look, vertical) => ({
    type: axis.kind,
    name: named(axis),
    nameLocation: vertical ? "end" : "middle",
    nameGap: vertical ? 14 : 30,
    nameTextStyle: { color: look.soft, align: vertical ? "left" : "center" },
    scale: true,
    axisLine: { lineStyle: { color: look.line_strong } },
    axisTick: { show: !vertical },
    axisLabel: { color: look.soft, hideOverlap: true, ...(axis.kind === "value" || axis.kind === "log" ? { formatter: new Intl.NumberFormat(language).format } : {}) },
    splitLine: { show: vertical, lineStyle: { color: look.line } },
  });

  const look_of = () => ({
    ink: colour("ink"), soft: colour("ink-soft"), line: colour("line"), line_strong: colour("line-strong"), raised: colour("raised"),
    ours: colour("accent"), expected: colour("good"), quiet: colour("line-strong"),
    theirs: [1, 2, 3, 4, 5].map((number) => colour(`series-${number}`)),
    tones: { info: colour("accent"), good: colour("good"), bad: colour("bad"), doubt: colour("doubt") },
  });

  const series_of = (chart, look) => {
    let others = 0;
    return chart.series.flatMap((series, index) => {
      const paint = series.role === "theirs" ? look.theirs[others++ % look.theirs.length] : look[series.role];
      const shown = {
        name: series.name,
        type: { points: "scatter", bars: "bar" }[series.kind] || "line",
        step: series.kind === "step" ? "end" : false,
        data: series.points,
        showSymbol: false,
        symbolSize: series.kind === "points" ? 6 : 5,
        connectNulls: false,
        z: series.role === "ours" ? 4 : 3,
        color: paint,
        lineStyle: { width: series.role === "ours" ? 2.5 : 1.5 },
        itemStyle: series.kind === "points" ? { opacity: 0.55 } : {},
        ...(index ? {} : marks_of(chart, look)),
      };
      if (!series.low.length) return [shown];
      const edge = { type: "line", stack: `band-${index}`, stackStrategy: "all", showSymbol: false, silent: true, lineStyle: { opacity: 0 }, color: paint, tooltip: { show: false }, z: 1 };
      return [
        { ...edge, name: `band-${index}-low`, data: series.low },
        { ...edge, name: `band-${index}-high`, data: series.high.map(([x, high], at) => [x, high === null ? null : high - series.low[at][1]]), areaStyle: { color: paint, opacity: 0.15 } },
        shown,
      ];
    });
  };
  const marks_of = (chart, look) => {
    const lines = chart.marks.filter((mark) => mark.until === null);
    const ranges = chart.marks.filter((mark) => mark.until !== null);
    return {
      markLine: {
        symbol: "none", silent: true,
        data: lines.map((mark) => ({ xAxis: mark.at, lineStyle: { color: look.tones[mark.tone], type: "dashed", width: 1.5 }, label: { formatter: mark.name, color: look.tones[mark.tone], position: "end", distance: 4 } })),
      },
      markArea: {
        silent: true,
        data: ranges.map((mark) => [{ xAxis: mark.at, name: mark.name, itemStyle: { color: look.tones[mark.tone], opacity: 0.07 }, label: { color: look.tones[mark.tone], position: "insideTop" } }, { xAxis: mark.until }]),
      },
    };
  };

  /* The tooltip is drawn on the canvas: as HTML it would need inline styles, which the page forbids. */
  const option_of = (chart, look) => ({
    animation: !matchMedia("(prefers-reduced-motion: reduce)").matches,
    animationDuration: 250,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: look.ink },
    grid: { left: 8, right: 18, top: 56, bottom: 34, containLabel: true },
    legend: { top: 0, left: 0, type: "scroll", itemHeight: 8, itemWidth: 16, textStyle: { color: look.ink }, data: chart.series.map((series) => series.name) },
    tooltip: {
      trigger: chart.series.every((series) => series.kind === "points") ? "item" : "axis",
      renderMode: "richText", confine: true,
      backgroundColor: look.raised, borderColor: look.line_strong, borderWidth: 1, textStyle: { color: look.ink, fontSize: 12 },
      axisPointer: { lineStyle: { color: look.line_strong } },
      formatter: (shown) => {
        const points = (Array.isArray(shown) ? shown : [shown]).filter((point) => !point.seriesName.startsWith("band-"));
        if (!points.length) return "";
        return [place(chart.x)(points[0].value[0]), ...points.map((point) => `${point.seriesName}: ${written(chart.y)(point.value[1])}`)].join("\n");
      },
    },
    xAxis: axis_of(chart.x, look, false),
    yAxis: axis_of(chart.y, look, true),
    series: series_of(chart, look),
  });

  /* The same as a table, for whoever cannot see the drawing; at most so many lines of it. */
  const MOST = 400;
  const values_of = (chart) => {
    const places = [...new Set(chart.series.flatMap((series) => series.points.map(([x]) => x)))].slice(0, MOST);
    const by_place = chart.series.map((series) => new Map(series.points));
    const table = document.createElement("table");
    table.className = "plain";
    const head = table.createTHead().insertRow();
    for (const title of [named(chart.x), ...chart.series.map((series) => series.name)]) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = title;
      head.append(cell);
    }
    const body = table.createTBody();
    for (const x of places) {
      const row = body.insertRow();
      row.insertCell().textContent = place(chart.x)(x);
      for (const values of by_place) {
        const cell = row.insertCell();
        cell.className = "number";
        cell.textContent = values.has(x) ? written(chart.y)(values.get(x)) : "";
      }
    }
    return table;
  };

  widget("[data-chart]", async (element) => {
    const plot = one(".plot", element);
    try {
      const chart = await ask(element.dataset.chart);
      const drawn = echarts.init(plot, null, { renderer: "canvas", locale: language === "zh-Hans" ? "ZH" : "EN" });
      const draw = () => drawn.setOption(option_of(chart, look_of()), { notMerge: true });
      draw();
      one("[data-values]", element).replaceChildren(values_of(chart));
      new ResizeObserver(() => drawn.resize()).observe(plot);
      document.addEventListener("pricewright:theme", draw);
    } catch (error) {
      plot.textContent = error.message;
    }
    element.dataset.drawn = "yes";
  });
});
