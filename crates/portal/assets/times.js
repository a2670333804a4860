// Times in the viewer's zone with the exact instant on hover, and countdowns.

const FORMATS = {
  datetime: { dateStyle: "medium", timeStyle: "short" },
  date: { dateStyle: "medium" },
  time: { timeStyle: "medium" },
};
const STEPS = [["year", 31557600], ["month", 2629800], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];

const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long" });
const formats = {};
for (const name in FORMATS) formats[name] = new Intl.DateTimeFormat("en-GB", FORMATS[name]);

let ticking = false;

export function times(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = instant(element);
    if (Number.isNaN(at)) continue;
    element.title = `${exact.format(at)} (${new Date(at).toISOString()})`;
    if ("countdown" in element.dataset || element.dataset.as === "relative") {
      tick(element);
      if (!ticking) {
        ticking = true;
        setInterval(everySecond, 1000);
      }
    } else {
      element.textContent = formats[element.dataset.as]?.format(at) ?? formats.datetime.format(at);
    }
  }
}

function everySecond() {
  if (document.hidden) return;
  document.querySelectorAll("time[data-countdown], time[data-as=relative]").forEach(tick);
}

function tick(element) {
  const at = instant(element);
  if ("countdown" in element.dataset) countdown(element, at);
  else say(element, relative((at - Date.now()) / 1000));
}

function countdown(element, at) {
  const left = Math.max(0, Math.round((at - Date.now()) / 1000));
  say(element, left > 0 ? clock(left) : element.dataset.done ?? "over");
  const bar = element.closest("[data-countdown-box]")?.querySelector("[data-countdown-bar]");
  const from = Date.parse(element.dataset.from);
  if (bar && from < at) bar.value = Math.min(1, Math.max(0, (at - Date.now()) / (at - from)));
}

function clock(seconds) {
  const two = (n) => String(n).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const hours = Math.floor(seconds / 3600) % 24;
  if (days > 0) return `${days} d ${two(hours)}:${rest}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

function relative(seconds) {
  for (const [unit, length] of STEPS) {
    if (Math.abs(seconds) >= length) return words.format(Math.trunc(seconds / length), unit);
  }
  return Math.abs(seconds) < 10 ? "just now" : words.format(Math.trunc(seconds), "second");
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function instant(element) {
  return Date.parse(element.getAttribute("datetime"));
}
