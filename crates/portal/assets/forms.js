// Small behaviours of forms and buttons. Everything works without them; the server checks all of it again.

import { toast } from "./app.js";

const DONE = new WeakSet();

export function forms(root) {
  each(root, "form[data-confirm]", confirmByName);
  each(root, "form[data-once]", once);
  each(root, "form[data-send]", send);
  each(root, "select[data-submit]", (select) => select.addEventListener("change", () => select.form.requestSubmit()));
  each(root, "button[data-copy]", copy);
  each(root, "button[data-reveal]", reveal);
  each(root, "input[data-filter]", filter);
}

function each(root, mark, behave) {
  for (const element of root.querySelectorAll(mark)) {
    if (DONE.has(element)) continue;
    DONE.add(element);
    behave(element);
  }
}

function confirmByName(form) {
  const field = form.elements.confirm;
  const button = form.querySelector("button:not([type=button])");
  if (!field || !button) return;
  const check = () => { button.disabled = field.value.trim() !== form.dataset.confirm; };
  field.addEventListener("input", check);
  check();
}

/** Sends a small form without leaving the page; what the server says against it is shown where the person is. */
function send(form) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type=button])");
    button.disabled = true;
    try {
      const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (answer.ok) {
        toast("ok", form.dataset.send);
        form.reset();
      } else {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        toast("error", page.querySelector("main p, main .notice")?.textContent.trim() ?? `The server answered ${answer.status}.`);
      }
    } catch {
      toast("error", "The server can't be reached. Try again.");
    }
    button.disabled = false;
  });
}

function once(form) {
  form.addEventListener("submit", () => {
    // After the form has been gathered: a button that is off is not sent.
    setTimeout(() => {
      for (const button of form.querySelectorAll("button:not([type=button])")) {
        button.setAttribute("aria-busy", "true");
        button.disabled = true;
      }
    });
  });
  // A page that comes back from the browser's memory can be sent again.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const button of form.querySelectorAll("[aria-busy]")) {
      button.removeAttribute("aria-busy");
      button.disabled = false;
    }
  });
}

function copy(button) {
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy);
    const text = (source?.value ?? source?.textContent ?? "").trim();
    try {
      await navigator.clipboard.writeText(text);
      toast("ok", "Copied.");
    } catch {
      // No clipboard without HTTPS: select it, so that one key copies it.
      if (source?.select) source.select();
      else if (source) getSelection().selectAllChildren(source);
      toast("info", "Selected: press Ctrl+C to copy.");
    }
  });
}

function reveal(button) {
  button.addEventListener("click", () => {
    const field = document.querySelector(button.dataset.reveal);
    if (!field) return;
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", String(!shown));
  });
}

function filter(input) {
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    for (const item of document.querySelectorAll(input.dataset.filter)) {
      item.hidden = wanted !== "" && !item.textContent.toLowerCase().includes(wanted);
    }
  });
}
