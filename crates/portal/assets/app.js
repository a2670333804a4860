// The one script of every page: finds what a page asks for by its attributes, and loads a further module only then.

import { times } from "./times.js";
import { forms } from "./forms.js";

const LATER = [
  ["[data-live]", "./live.js"],
  ["[data-chart]", "./chart.js"],
  ["[data-upload]", "./upload.js"],
  ["[data-scan]", "./scan.js"],
];

/** Gives an element and all below it their behaviour; called again for what is put into the page later. */
export function enhance(root) {
  times(root);
  forms(root);
  for (const [mark, file] of LATER) {
    const found = [...root.querySelectorAll(mark)];
    if (root.matches?.(mark)) found.push(root);
    if (found.length === 0) continue;
    import(file).then((module) => found.forEach((element) => module.start(element)));
  }
}

/** Says something at the edge of the page, and to a screen reader. */
export function toast(kind, text, link) {
  let place = document.querySelector(".toasts");
  if (!place) {
    place = document.createElement("div");
    place.className = "toasts";
    place.setAttribute("role", "status");
    document.body.append(place);
  }
  const notice = document.createElement("div");
  notice.className = "notice";
  notice.dataset.kind = kind;
  const words = document.createElement("span");
  words.textContent = text;
  notice.append(words);
  if (link) {
    const anchor = document.createElement("a");
    anchor.href = link.href;
    anchor.textContent = link.text;
    words.append(" ", anchor);
  }
  place.append(notice);
  if (!link) setTimeout(() => notice.remove(), 7000);
}

/** Loads one of the vendored scripts, once. */
const loaded = new Map();
export function vendored(file) {
  if (!loaded.has(file)) {
    loaded.set(file, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = new URL(`./vendored/${file}`, import.meta.url);
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${file} could not be loaded`));
      document.head.append(script);
    }));
  }
  return loaded.get(file);
}

enhance(document.documentElement);
