// Charts: history from a URL or from the page, more of it on demand, and values as they arrive.

import { vendored } from "./app.js";

const STARTED = new WeakSet();
const KEPT = 20000;
const clock = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const numbers = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 6 });

export async function start(figure) {
  if (STARTED.has(figure)) return;
  STARTED.add(figure);
  const plot = figure.querySelector(".plot") ?? figure.appendChild(Object.assign(document.createElement("div"), { className: "plot" }));
  plot.setAttribute("role", "img");
  try {
    await vendored("uPlot.iife.min.js");
    const chart = new Chart(figure, plot, await load(figure));
    document.addEventListener("cikada:points", (event) => chart.add(event.detail));
    document.addEventListener("cikada:again", async () => chart.replace(await load(figure)));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => chart.draw());
    new ResizeObserver(() => chart.fit()).observe(plot);
  } catch {
    message(plot, "The chart could not be loaded. Its values stand in the table below.");
  }
}

async function load(figure, url = figure.dataset.src) {
  if (url) {
    const answer = await fetch(url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }
  return JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
}

class Chart {
  constructor(figure, plot, data) {
    this.figure = figure;
    this.plot = plot;
    this.window = Number(figure.dataset.window) || 0;
    this.replace(data);
  }

  replace(data) {
    this.unit = data.unit ?? "";
    this.series = data.series;
    this.x = data.x;
    this.y = data.y;
    this.more = data.more;
    this.draw();
    this.offerMore();
  }

  add({ series, points }) {
    const place = this.series.findIndex((one) => one.id === series);
    if (place < 0) return;
    const wasEmpty = this.x.length === 0;
    for (const [at, value] of points) this.put(place, at, value);
    if (wasEmpty || !this.u) this.draw();
    else this.u.setData([this.x, ...this.y]);
    this.label();
    this.figure.dispatchEvent(new CustomEvent("cikada:drawn"));
  }

  put(place, at, value) {
    let index = this.x.length;
    while (index > 0 && this.x[index - 1] >= at) index -= 1;
    if (this.x[index] !== at) {
      this.x.splice(index, 0, at);
      this.y.forEach((one) => one.splice(index, 0, null));
    }
    this.y[place][index] = value;
    while (this.x.length > KEPT) {
      this.x.shift();
      this.y.forEach((one) => one.shift());
    }
  }

  draw() {
    this.u?.destroy();
    this.u = null;
    this.plot.replaceChildren();
    this.label();
    this.figure.dataset.points = this.x.length;
    if (this.x.length === 0) {
      message(this.plot, this.figure.dataset.empty ?? "No values yet. They appear here as they arrive.");
      return;
    }
    const style = getComputedStyle(document.documentElement);
    const color = (name) => style.getPropertyValue(name).trim();
    const kind = this.figure.dataset.chart;
    const axis = {
      stroke: color("--muted"), font: "12px system-ui, sans-serif", grid: { stroke: color("--line"), width: 1 },
      ticks: { stroke: color("--line"), width: 1, size: 4 },
    };
    const tip = Object.assign(document.createElement("div"), { className: "chart-tip", hidden: true });
    const options = {
      width: this.plot.clientWidth, height: this.plot.clientHeight,
      legend: { show: false }, cursor: { drag: { x: true, y: false }, points: { size: 8 } },
      scales: { x: { time: true, range: (u, min, max) => this.xRange(min, max) }, y: { range: (u, min, max) => yRange(kind, min, max) } },
      axes: [
        { ...axis, grid: { show: false }, space: 70, size: 30, values: stamps },
        { ...axis, size: (u, values) => 18 + 7 * Math.max(3, ...(values ?? []).map((text) => text.length)), values: (u, all) => all.map((n) => numbers.format(n)) },
      ],
      series: [{}, ...this.series.map((one, place) => this.look(kind, one, color(`--series-${place % 4 + 1}`), color))],
      hooks: { ready: [(u) => u.over.append(tip)], setCursor: [(u) => this.point(u, tip)] },
    };
    this.u = new window.uPlot(options, [this.x, ...this.y], this.plot);
    this.figure.dispatchEvent(new CustomEvent("cikada:drawn"));
  }

  look(kind, one, stroke) {
    const look = { label: one.name, stroke, width: 2, spanGaps: true, points: { show: this.x.length < 40, size: 6, fill: stroke } };
    if (kind === "bars") return { ...look, width: 0, fill: stroke, paths: window.uPlot.paths.bars({ size: [0.7, 48], radius: 0.15 }), points: { show: false } };
    if (kind === "steps") return { ...look, paths: window.uPlot.paths.stepped({ align: 1 }) };
    if (this.series.length === 1) return { ...look, fill: `color-mix(in srgb, ${stroke} 12%, transparent)` };
    return look;
  }

  xRange(min, max) {
    if (min === null) return [Date.now() / 1000 - 3600, Date.now() / 1000];
    const [first, last] = [this.x[0], this.x[this.x.length - 1]];
    // One value alone stands in the middle.
    if (first === last) return [first - 1800, first + 1800];
    // A part that was drawn with the mouse.
    if (min > first || max < last) return [min, max];
    if (this.window > 0) return [Math.max(min, max - this.window), max === min ? max + 60 : max];
    if (this.figure.dataset.chart === "bars") return [min - 43200, max + 43200];
    return [min, max];
  }

  point(u, tip) {
    const index = u.cursor.idx;
    tip.hidden = index === null || index === undefined || u.cursor.left < 0;
    if (tip.hidden) return;
    const values = this.series.map((one, place) => {
      const value = this.y[place][index];
      if (value === null || value === undefined) return null;
      const name = this.series.length > 1 ? `${one.name} ` : "";
      return `${name}${numbers.format(value)}${this.unit && ` ${this.unit}`}`;
    });
    tip.textContent = `${values.filter(Boolean).join(" · ")}, ${clock.format(this.x[index] * 1000)}`;
    const left = u.valToPos(this.x[index], "x");
    const room = u.over.clientWidth - tip.offsetWidth;
    tip.style.transform = `translate(${Math.max(0, Math.min(room, left - tip.offsetWidth / 2))}px, -6px)`;
  }

  label() {
    const name = this.figure.querySelector("figcaption")?.textContent.trim().replace(/\s+/g, " ") ?? "Chart";
    const last = this.x.length - 1;
    const now = last < 0 ? "no values" : this.series.map((one, place) => {
      const value = this.y[place].findLast((found) => found !== null);
      return value === undefined ? "" : `${one.name}: ${numbers.format(value)} ${this.unit}`;
    }).filter(Boolean).join(", ");
    this.plot.setAttribute("aria-label", `${name}. ${this.x.length} values. ${now}`);
    this.figure.dataset.points = this.x.length;
  }

  fit() {
    if (this.u && this.plot.clientWidth > 0 && Math.abs(this.u.width - this.plot.clientWidth) > 1) {
      this.u.setSize({ width: this.plot.clientWidth, height: this.plot.clientHeight });
    }
  }

  offerMore() {
    this.figure.querySelector(".tools")?.remove();
    if (!this.more) return;
    const tools = Object.assign(document.createElement("div"), { className: "tools" });
    const button = Object.assign(document.createElement("button"), { type: "button", className: "compact", textContent: "Earlier" });
    button.addEventListener("click", async () => {
      button.disabled = true;
      const before = await load(this.figure, this.more);
      this.window = 0;
      this.replace({ ...before, x: [...before.x, ...this.x], y: this.y.map((one, place) => [...(before.y[place] ?? []), ...one]) });
    });
    tools.append(button);
    (this.figure.querySelector("figcaption") ?? this.figure).append(tools);
  }
}

function yRange(kind, min, max) {
  if (min === null) return [0, 1];
  if (kind === "bars") return [0, Math.max(1, max * 1.1)];
  if (min === max) return [min - Math.max(1, Math.abs(min) * 0.1), max + Math.max(1, Math.abs(max) * 0.1)];
  const room = (max - min) * 0.12;
  return [min - room, max + room];
}

function stamps(u, splits) {
  const span = u.scales.x.max - u.scales.x.min;
  const style = span > 3 * 86400 ? { day: "numeric", month: "short" }
    : span > 600 ? { hour: "2-digit", minute: "2-digit" } : { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const format = new Intl.DateTimeFormat("en-GB", style);
  return splits.map((at) => format.format(at * 1000));
}

function message(plot, text) {
  plot.replaceChildren(Object.assign(document.createElement("div"), { className: "plot-empty", textContent: text }));
}
