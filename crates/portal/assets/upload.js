// Dropping a file on its form, and sending it with progress. The answer's page is shown as if the form had been sent plainly.

import { enhance, toast } from "./app.js";

const STARTED = new WeakSet();

export function start(form) {
  if (STARTED.has(form)) return;
  STARTED.add(form);
  const input = form.querySelector("input[type=file]");
  const area = input?.closest(".drop");
  if (!input) return;
  if (area) dropOn(area, input);
  form.addEventListener("submit", (event) => {
    if (input.files.length === 0) return;
    event.preventDefault();
    send(form, input.files[0], event.submitter);
  });
}

function dropOn(area, input) {
  const over = (on) => (event) => {
    event.preventDefault();
    area.classList.toggle("over", on);
  };
  area.addEventListener("dragover", over(true));
  area.addEventListener("dragleave", over(false));
  area.addEventListener("drop", (event) => {
    over(false)(event);
    if (event.dataTransfer.files.length === 0) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

function send(form, file, submitter) {
  const box = document.createElement("div");
  box.className = "stack";
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", `Sending ${file.name}`);
  const line = document.createElement("p");
  line.className = "muted";
  line.setAttribute("role", "status");
  line.textContent = `Sending ${file.name}`;
  const stop = document.createElement("button");
  stop.type = "button";
  stop.textContent = "Stop";
  box.append(bar, line, stop);
  const controls = [...form.querySelectorAll("button")];
  const data = new FormData(form, submitter);
  controls.forEach((control) => { control.disabled = true; });
  form.append(box);

  const request = new XMLHttpRequest();
  const began = performance.now();
  const over = (kind, text) => {
    box.remove();
    controls.forEach((control) => { control.disabled = false; });
    if (text) toast(kind, text);
  };
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable) return;
    bar.max = event.total;
    bar.value = event.loaded;
    const rate = event.loaded / Math.max(1, performance.now() - began) * 1000;
    const left = event.total === event.loaded ? "" : `, ${Math.ceil((event.total - event.loaded) / rate)} s left`;
    line.textContent = `${size(event.loaded)} of ${size(event.total)} sent${left}`;
    if (event.total === event.loaded) line.textContent = "Sent. The server writes it down…";
  });
  request.addEventListener("load", () => {
    if (!show(request)) over("error", `The server answered ${request.status}.`);
  });
  request.addEventListener("error", () => over("error", "The connection broke. Nothing was changed; try again."));
  request.addEventListener("abort", () => over("info", "Stopped. Nothing was changed."));
  stop.addEventListener("click", () => request.abort());
  request.open("POST", form.action);
  request.send(data);
}

function show(request) {
  const answer = new DOMParser().parseFromString(request.responseText, "text/html");
  const main = answer.querySelector("main");
  if (!main) return false;
  document.title = answer.title;
  document.querySelector("main").replaceWith(main);
  history.pushState(null, "", request.responseURL);
  enhance(main);
  main.tabIndex = -1;
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
  return true;
}

addEventListener("popstate", () => location.reload());

function size(bytes) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  while (bytes >= 1024 && unit < units.length - 1) {
    bytes /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? bytes : bytes.toFixed(1)} ${units[unit]}`;
}
