// Draws the charts of a page from the numbers that stand beside them. Without it the tables say the same.
"use strict";

(() => {
  const FEW = "too few annotations to be sure";
  const SYMBOLS = ["circle", "rect", "diamond", "triangle", "pin", "arrow"];
  const TYPES = ["solid", "dashed", "dotted"];

  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const colours = () => [1, 2, 3, 4, 5, 6].map((number) => style(`--c${number}`));
  const shorter = (text) => (text.length > 18 ? `${text.slice(0, 11)}…${text.slice(-6)}` : text);
  const rate = (value) => (value === null ? "–" : value.toFixed(2));
  const number = (value) => value.toLocaleString("en", { maximumFractionDigits: 1 });

  const common = (chart) => {
    const fontFamily = getComputedStyle(document.body).fontFamily;
    const text = { color: style("--soft"), fontFamily, fontSize: 11 };
    return {
      animation: false,
      aria: { enabled: true, label: { description: `${chart.title}. The table beside it says the same.` } },
      color: colours(),
      textStyle: { fontFamily },
      tooltip: {
        renderMode: "richText",
        confine: true,
        backgroundColor: style("--card"),
        borderColor: style("--line"),
        textStyle: { color: style("--ink"), fontSize: 12 },
      },
      legend: { show: chart.series.length > 1, top: 0, left: 0, itemWidth: 18, textStyle: text, formatter: shorter },
      text,
    };
  };

  const axis = (text, more) => ({
    axisLabel: text,
    nameTextStyle: text,
    axisLine: { lineStyle: { color: style("--line") } },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: style("--line") } },
    ...more,
  });

  const rates = (text, name) => axis(text, { type: "value", min: 0, max: 1, interval: 0.25, name, nameGap: 8 });

  const lines = (chart) => {
    const { text, ...base } = common(chart);
    const told = ({ seriesName, data }) => {
      const between = data.low === null ? "" : ` (${rate(data.low)}–${rate(data.high)})`;
      return `${seriesName}\n${data.value[0]}: ${rate(data.value[1])}${between}${data.few ? `\n${FEW}` : ""}`;
    };
    return {
      ...base,
      useUTC: true,
      legend: { show: false },
      tooltip: { ...base.tooltip, trigger: "item", formatter: told },
      grid: { left: 34, right: 16, top: 14, bottom: 24 },
      xAxis: axis({ ...text, formatter: (moment) => new Date(moment).toISOString().slice(5, 10), hideOverlap: true }, {
        type: "time",
        minInterval: 24 * 3600 * 1000,
        splitNumber: 3,
        splitLine: { show: false },
      }),
      yAxis: rates(text),
      series: chart.series.flatMap((one, place) => [...band(one, place), line(one, place)]),
    };
  };

  // The interval: what is below it stays bare, and on that its height is stacked.
  const band = (one, place) => {
    const known = one.points.filter((point) => point.low !== null);
    const part = (height, opacity) => ({
      type: "line",
      stack: `band ${place}`,
      stackStrategy: "all",
      silent: true,
      symbol: "none",
      lineStyle: { opacity: 0 },
      areaStyle: { color: colours()[place % 6], opacity },
      tooltip: { show: false },
      data: known.map((point) => [point.x, height(point)]),
    });
    return [part((point) => point.low, 0), part((point) => point.high - point.low, 0.16)];
  };

  const line = (one, place) => {
    const colour = colours()[place % 6];
    const known = one.points.filter((point) => point.y !== null);
    const alone = known.length === 1 && known[0].low !== null ? known[0] : null; // it has no band
    return {
      type: "line",
      name: one.name,
      symbol: SYMBOLS[place % SYMBOLS.length],
      symbolSize: 6,
      showAllSymbol: true,
      color: colour,
      lineStyle: { width: 2, type: TYPES[place % TYPES.length] },
      data: known.map((point) => ({
        ...point,
        value: [point.x, point.y],
        itemStyle: { color: point.few ? style("--faint") : colour },
      })),
      markLine: alone && {
        silent: true,
        symbol: "none",
        lineStyle: { color: colour, type: "solid", width: 1 },
        data: [[{ coord: [alone.x, alone.low] }, { coord: [alone.x, alone.high] }]],
      },
    };
  };

  const bars = (chart) => {
    const names = [...new Set(chart.series.flatMap((one) => one.points.map((point) => point.x)))];
    const { text, ...base } = common(chart);
    const isAlone = chart.series.length === 1;
    return {
      ...base,
      tooltip: {
        ...base.tooltip,
        trigger: "item",
        formatter: ({ name, seriesName, value }) => `${name}\n${isAlone ? "" : `${seriesName}: `}${number(value)}`,
      },
      grid: { left: 128, right: 48, top: isAlone ? 4 : 30, bottom: 24 },
      xAxis: axis(text, { type: "value", minInterval: 1 }),
      yAxis: axis({ ...text, color: style("--ink"), formatter: shorter }, {
        type: "category",
        data: names,
        inverse: true,
        splitLine: { show: false },
      }),
      series: chart.series.map((one) => ({
        type: "bar",
        name: one.name,
        stack: "one",
        barMaxWidth: 20,
        label: { show: isAlone, position: "right", color: style("--ink"), formatter: ({ value }) => number(value) },
        data: names.map((name) => one.points.find((point) => point.x === name)?.y ?? 0),
      })),
    };
  };

  const curve = (chart) => {
    const { text, ...base } = common(chart);
    const ideal = {
      type: "line",
      silent: true,
      symbol: "none",
      data: [[0, 0], [1, 1]],
      lineStyle: { color: style("--faint"), width: 1, type: "solid" },
    };
    const told = ({ seriesName, value }) => `${seriesName}\nscore ${rate(value[0])}: ${rate(value[1])} are right`;
    return {
      ...base,
      tooltip: { ...base.tooltip, trigger: "item", formatter: told },
      grid: { left: 34, right: 14, top: 30, bottom: 38 },
      xAxis: { ...rates(text), name: chart.x, nameLocation: "middle", nameGap: 24 },
      yAxis: rates(text),
      series: [
        ideal,
        ...chart.series.map((one, place) => ({
          type: "line",
          name: one.name,
          color: colours()[place],
          symbol: SYMBOLS[place],
          symbolSize: 7,
          lineStyle: { width: 2, type: place ? "solid" : "dashed" },
          data: one.points.map((point) => [point.x, point.y]),
        })),
      ],
    };
  };

  const OPTIONS = { lines, bars, curve };

  const draw = () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      const chart = JSON.parse(document.getElementById(place.dataset.chart).textContent);
      if (chart.kind === "bars") {
        place.dataset.rows = Math.min(20, new Set(chart.series.flatMap((one) => one.points.map((p) => p.x))).size);
      }
      echarts.getInstanceByDom(place)?.dispose();
      echarts.init(place, null, { renderer: "svg" }).setOption(OPTIONS[chart.kind](chart));
    }
  };

  const resize = () => {
    for (const place of document.querySelectorAll("[data-chart]")) {
      echarts.getInstanceByDom(place)?.resize();
    }
  };

  draw();
  addEventListener("resize", resize);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.documentElement.dataset.drawn = "yes";
})();
