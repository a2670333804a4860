// What the server says while a page is open (text/event-stream): pieces that changed, values as they arrive.

import { enhance, toast } from "./app.js";

const STARTED = new WeakSet();

export function start(element) {
  if (STARTED.has(element)) return;
  STARTED.add(element);
  let source = null;
  let ended = false;
  let opened = 0;

  function open() {
    if (source || ended || document.hidden) return;
    source = new EventSource(element.dataset.live);
    source.onopen = () => {
      document.documentElement.classList.add("is-live");
      // What came while nobody listened is asked for again.
      if (opened++ > 0) document.dispatchEvent(new CustomEvent("cikada:again"));
    };
    source.onerror = () => {
      document.documentElement.classList.remove("is-live");
      // The browser tries again by itself, unless the server refused.
      if (source?.readyState === EventSource.CLOSED) {
        close();
        ask();
      }
    };
    source.addEventListener("patch", (event) => patch(event.data));
    source.addEventListener("points", (event) => {
      document.dispatchEvent(new CustomEvent("cikada:points", { detail: JSON.parse(event.data) }));
    });
    source.addEventListener("notice", (event) => {
      const notice = JSON.parse(event.data);
      toast(notice.kind, notice.text);
    });
    source.addEventListener("reload", () => location.reload());
    source.addEventListener("end", end);
  }

  function end() {
    ended = true;
    close();
    toast("warn", "You have been signed out.", { href: "/portal/sign-in", text: "Sign in again" });
  }

  /** Why the stream was refused: the session is over, or the server is busy. */
  async function ask() {
    const answer = await fetch(location.href, { method: "HEAD", redirect: "manual" }).catch(() => null);
    if (answer?.type === "opaqueredirect") end();
    else setTimeout(open, 15000);
  }

  function close() {
    source?.close();
    source = null;
    document.documentElement.classList.remove("is-live");
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

function patch(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  const fresh = template.content.firstElementChild;
  const stale = fresh?.id && document.getElementById(fresh.id);
  if (!stale || stale.isEqualNode(fresh)) return;
  const focused = stale.contains(document.activeElement) ? document.activeElement : null;
  // Never under somebody's hands.
  if (focused?.matches("input, textarea, select")) return;
  if (stale.querySelector("details[open]") && !fresh.querySelector("details[open]")) {
    for (const open of stale.querySelectorAll("details[open][id]")) {
      fresh.querySelector(`#${CSS.escape(open.id)}`)?.setAttribute("open", "");
    }
  }
  stale.replaceWith(fresh);
  enhance(fresh);
  if (focused?.id) document.getElementById(focused.id)?.focus();
}
