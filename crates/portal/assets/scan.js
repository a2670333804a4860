// Reading a label with the camera, or from a photo of it. A label of ours carries vendor, model and serial number.

import { toast, vendored } from "./app.js";

const STARTED = new WeakSet();
const TRY_EVERY_MS = 120;

export function start(button) {
  if (STARTED.has(button)) return;
  STARTED.add(button);
  button.addEventListener("click", () => open(document.querySelector(button.dataset.scan)));
}

function open(form) {
  const dialog = document.createElement("dialog");
  dialog.setAttribute("aria-labelledby", "scan-title");
  const inside = document.createElement("div");
  inside.className = "inside";
  const title = document.createElement("h2");
  title.id = "scan-title";
  title.textContent = "Hold the label into the frame";
  const finder = document.createElement("div");
  finder.className = "finder";
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  finder.append(video);
  const said = document.createElement("p");
  said.className = "muted";
  said.setAttribute("role", "status");
  said.textContent = "Waiting for the camera…";
  const photo = document.createElement("label");
  photo.className = "field";
  photo.append("Or take a photo of it");
  const file = document.createElement("input");
  file.type = "file";
  file.accept = "image/*";
  photo.append(file);
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  inside.append(title, finder, said, photo, close);
  dialog.append(inside);
  document.body.append(dialog);

  let stream = null;
  let over = false;
  dialog.addEventListener("close", () => {
    over = true;
    stream?.getTracks().forEach((track) => track.stop());
    dialog.remove();
  });
  close.addEventListener("click", () => dialog.close());
  const found = (text) => {
    dialog.close();
    fill(form, text);
  };
  file.addEventListener("change", async () => {
    const read = await reader();
    const text = file.files[0] && await read(await createImageBitmap(file.files[0]));
    if (text) found(text);
    else said.textContent = "There is no code on that photo that can be read. Try it from nearer, with more light.";
  });
  dialog.showModal();
  watch();

  async function watch() {
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    } catch {
      finder.hidden = true;
      said.textContent = "The camera can't be used here. It needs your permission, and HTTPS. A photo works without.";
      return;
    }
    if (over) return stream.getTracks().forEach((track) => track.stop());
    video.srcObject = stream;
    await video.play();
    const read = await reader();
    said.textContent = "Looking for a code…";
    while (!over) {
      const text = await read(video).catch(() => null);
      if (text && !over) return found(text);
      await new Promise((resolve) => setTimeout(resolve, TRY_EVERY_MS));
    }
  }
}

/** What reads a code out of a picture: the browser's own reader where there is one, else a decoder that is loaded now. */
async function reader() {
  if ("BarcodeDetector" in window && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return async (picture) => (await detector.detect(picture))[0]?.rawValue;
  }
  await vendored("jsQR.min.js");
  const canvas = document.createElement("canvas");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  return async (picture) => {
    const width = picture.videoWidth || picture.width;
    const height = picture.videoHeight || picture.height;
    if (!width) return null;
    // A large picture takes long and reads no better.
    const scale = Math.min(1, 1000 / Math.max(width, height));
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    const pixels = pen.getImageData(0, 0, canvas.width, canvas.height);
    return window.jsQR(pixels.data, pixels.width, pixels.height)?.data;
  };
}

/** Only the three names are taken from a label, whatever address it carries. */
function fill(form, text) {
  const { vendor, model, sn } = label(text);
  const { product, sn: number } = form.elements;
  number.value = sn;
  const value = `${vendor}/${model}`;
  if (vendor && product && ![...product.options].some((option) => option.value === value)) {
    toast("error", `This label is of ${model} by ${vendor}, which your account can't add.`);
    return;
  }
  if (vendor && product) product.value = value;
  toast("ok", `Read: ${sn}`);
  form.querySelector("button.primary")?.focus();
}

function label(text) {
  try {
    const asked = new URL(text).searchParams;
    if (asked.get("sn")) return { vendor: asked.get("vendor"), model: asked.get("model"), sn: asked.get("sn") };
  } catch {
    // Not an address: the number itself.
  }
  return { sn: text.trim().slice(0, 128) };
}
