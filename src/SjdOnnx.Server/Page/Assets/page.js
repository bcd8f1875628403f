import { GrowingPicture, paintBars } from "./canvas.js";
import { blobOf, eventsOf } from "./events.js";

const maxKept = 200; // images of this session
const keyName = "sjdonnx-key";
const find = (id) => document.getElementById(id);
const [form, prompt, model, size, seed, count, method] = ["form", "prompt", "model", "size", "seed", "count", "method"].map(find);
const [guidance, temperature, negative, draw, status, pictures] =
  ["guidance", "temperature", "negative", "draw", "status", "pictures"].map(find);
const viewer = find("viewer");

let server; // what /api/models says
let drawing = null; // the AbortController of the request under way
const kept = []; // images of this session, the newest first
let viewed = 0;

// --- The server ----------------------------------------------------------------------------------------------------

async function call(path, options = {}) {
  while (true) {
    const key = sessionStorage.getItem(keyName);
    const response = await fetch(path, { ...options, headers: { ...options.headers, ...(key && { Authorization: `Bearer ${key}` }) } });
    if (response.ok) return response;
    if (response.status === 401) {
      await askForKey();
      continue;
    }
    const answer = await response.json().catch(() => null);
    const again = response.headers.get("Retry-After");
    throw new Error((answer?.error?.message ?? `The server answered with status ${response.status}.`) + (again ? ` (after ${again} s)` : ""));
  }
}

function askForKey() {
  const dialog = find("key-dialog");
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      sessionStorage.setItem(keyName, find("key").value.trim());
      find("key").value = "";
      resolve();
    }, { once: true });
    if (!dialog.open) dialog.showModal();
  });
}

// --- The form ------------------------------------------------------------------------------------------------------

function fill(select, values, chosen, text = (value) => value) {
  select.replaceChildren(...values.map((value) => new Option(text(value), value, value === chosen, value === chosen)));
}

function chosenModel() {
  return server.models.find((each) => each.name === model.value);
}

function showModel() {
  const chosen = chosenModel();
  const methods = new Map(chosen.methods.map((each) => [each.name, each]));
  fill(size, chosen.sizes, chosen.sizes[0], (value) => value.replace("x", " × "));
  fill(method, [...methods.keys()], chosen.default_method, (name) => `${name}${methods.get(name).is_exact ? "" : " (lossy)"}`);
  guidance.placeholder = chosen.guidance ?? "";
  temperature.placeholder = chosen.temperature;
  negative.placeholder = chosen.negative_prompt ?? "";
  find("guidance-field").hidden = chosen.guidance === null;
  find("negative-field").hidden = chosen.negative_prompt === null;
  find("about").textContent = `${chosen.name} · ${chosen.license} · version ${server.version}`;
  showMethod();
}

function showMethod() {
  const summary = chosenModel().methods.find((each) => each.name === method.value)?.summary ?? "";
  find("method-note").textContent = summary && summary[0].toUpperCase() + summary.slice(1);
}

function requestOfForm() {
  const request = {
    prompt: prompt.value, model: model.value, size: size.value, n: Number(count.value), method: method.value,
  };
  if (seed.value.trim()) request.seed = seed.value.trim();
  if (guidance.value && !find("guidance-field").hidden) request.guidance_scale = Number(guidance.value);
  if (temperature.value) request.temperature = Number(temperature.value);
  if (negative.value.trim() && !find("negative-field").hidden) request.negative_prompt = negative.value;
  return request;
}

function again(image) {
  const { request } = image;
  model.value = request.model;
  showModel();
  [prompt.value, size.value, method.value, seed.value, count.value] = [request.prompt, request.size, request.method, image.seed, 1];
  guidance.value = request.guidance_scale ?? "";
  temperature.value = request.temperature ?? "";
  negative.value = request.negative_prompt ?? "";
  showMethod();
  viewer.close();
  stop();
  start();
}

function say(text, failed = false) {
  status.textContent = text;
  status.classList.toggle("failed", failed);
}

// --- Drawing -------------------------------------------------------------------------------------------------------

async function start() {
  if (!server || !form.reportValidity()) return;
  const request = requestOfForm();
  const control = new AbortController();
  drawing = control;
  showButton();
  say("Waiting for the first pass…");
  const run = new Run(request);
  try {
    const response = await call("api/images", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(request), signal: control.signal,
    });
    for await (const { name, data } of eventsOf(response)) await run.note(name, data);
    say(run.summary());
  } catch (error) {
    run.stop();
    if (drawing === control || error.name !== "AbortError")
      say(error.name === "AbortError" ? "Stopped." : error.message, error.name !== "AbortError");
  }
  run.end();
  if (drawing === control) drawing = null;
  showButton();
}

function stop() {
  drawing?.abort();
}

function showButton() {
  draw.classList.toggle("stop", drawing !== null);
  draw.innerHTML = drawing ? "Stop <kbd>Esc</kbd>" : "Draw <kbd>Ctrl ⏎</kbd>";
}

/** The images of one request while they are drawn. */
class Run {
  #request;
  #tiles;
  #states;
  #began = 0;
  #clock = 0;
  #settled = []; // tokens for each pass, over all images
  #notes = [];

  constructor(request) {
    const [width, height] = request.size.split("x").map(Number);
    const cell = server.models.find((each) => each.name === request.model).pixels_per_code;
    this.#request = request;
    this.#states = Array.from({ length: request.n }, () => ({ tokens: 0, total: 0, passes: 0 }));
    this.#tiles = this.#states.map((_, i) => {
      const tile = Object.assign(document.createElement("button"), { type: "button", className: "picture", disabled: true });
      tile.setAttribute("aria-label", `Image ${i + 1} of ${request.n}, being drawn`);
      const canvas = tile.appendChild(document.createElement("canvas"));
      return { tile, picture: new GrowingPicture(canvas, width, height, cell) };
    });
    pictures.classList.remove("empty");
    const columns = Math.ceil(Math.sqrt(request.n));
    pictures.style.setProperty("--columns", columns);
    pictures.style.setProperty("--lines", Math.ceil(request.n / columns));
    pictures.replaceChildren(...this.#tiles.map(({ tile }) => tile));
    for (const id of ["tokens", "passes", "rate", "time"]) find(id).textContent = "–";
    paintBars(find("bars"), []);
  }

  async note(name, data) {
    if (name === "error") throw new Error(data.error.message);
    if (!this.#began) this.#start();
    const { tile, picture } = this.#tiles[data.index];
    const state = this.#states[data.index];
    if (name === "progress") {
      this.#settled[data.passes] = (this.#settled[data.passes] ?? 0) + data.tokens - state.tokens;
      Object.assign(state, { tokens: data.tokens, total: data.total_tokens, passes: data.passes });
      picture.settle(data.tokens);
    } else if (name === "preview") {
      picture.preview(await createImageBitmap(blobOf(data.image, "image/webp")), data.height);
    } else if (name === "completed") {
      const blob = blobOf(data.image, data.media_type);
      picture.complete(await createImageBitmap(blob));
      this.#notes = data.notes;
      const image = keep({ ...data, request: this.#request, blob });
      tile.disabled = false;
      tile.setAttribute("aria-label", `Open image ${data.index + 1}: ${this.#request.prompt}`);
      tile.addEventListener("click", () => view(kept.indexOf(image)));
    }
    this.#show();
  }

  summary() {
    const many = this.#request.n > 1 ? `${this.#request.n} images` : "Done";
    return [`${many} in ${this.#seconds().toFixed(2)} s.`, ...this.#notes].join(" ");
  }

  stop() {
    this.#tiles.forEach(({ picture }) => picture.stop());
  }

  end() {
    clearInterval(this.#clock);
  }

  #start() {
    this.#began = performance.now();
    say("Drawing…");
    this.#clock = setInterval(() => this.#showTime(), 100);
  }

  #seconds() {
    return (performance.now() - this.#began) / 1000;
  }

  #showTime() {
    find("time").textContent = `${this.#seconds().toFixed(2)} s`;
  }

  #show() {
    const sum = (field) => this.#states.reduce((total, state) => total + state[field], 0);
    const [tokens, passes] = [sum("tokens"), sum("passes")];
    find("tokens").textContent = `${tokens} / ${sum("total")}`;
    find("passes").textContent = Math.max(...this.#states.map((state) => state.passes));
    find("rate").textContent = passes ? (tokens / passes).toFixed(2) : "–";
    this.#showTime();
    paintBars(find("bars"), [...this.#settled].map((value) => value ?? 0));
  }
}

// --- The gallery ---------------------------------------------------------------------------------------------------

function keep(image) {
  image.url = URL.createObjectURL(image.blob);
  image.file = `sjd-${image.seed.padStart(8, "0")}.png`;
  image.item = itemOf(image);
  kept.unshift(image);
  find("images").prepend(image.item);
  find("gallery").hidden = false;
  for (const old of kept.splice(maxKept)) {
    old.item.remove();
    URL.revokeObjectURL(old.url);
  }
  return image;
}

function itemOf(image) {
  const item = document.createElement("li");
  const open = element("button", "open");
  open.type = "button";
  const picture = Object.assign(element("img"), { src: image.url, alt: image.request.prompt, width: image.width, height: image.height });
  open.append(picture);
  open.addEventListener("click", () => view(kept.indexOf(image)));
  const actions = element("div", "actions");
  const redo = element("button", "", "Again with this seed");
  redo.type = "button";
  redo.addEventListener("click", () => again(image));
  actions.append(redo, Object.assign(element("a", "button", "Download"), { href: image.url, download: image.file }));
  item.append(open, element("p", "caption", image.request.prompt), element("p", "quiet", `seed ${image.seed}`), actions);
  return item;
}

function element(name, className = "", text = "") {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

function view(index) {
  if (!kept[index]) return;
  viewed = index;
  const image = kept[index];
  Object.assign(find("viewer-image"), { src: image.url, alt: image.request.prompt });
  find("viewer-prompt").textContent = image.request.prompt;
  const facts = [
    ["Seed", image.seed], ["Model", image.model], ["Method", image.method], ["Size", `${image.width} × ${image.height}`],
    ["Tokens", `${image.tokens} in ${image.passes} passes`], ["Per pass", image.tokens_per_pass.toFixed(2)],
    ["Time", `${image.seconds.toFixed(2)} s`],
  ];
  find("viewer-facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
  Object.assign(find("viewer-save"), { href: image.url, download: image.file });
  if (!viewer.open) viewer.showModal();
}

// --- Keys and buttons ----------------------------------------------------------------------------------------------

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (drawing) stop();
  else start();
});
model.addEventListener("change", showModel);
method.addEventListener("change", showMethod);
find("clear-seed").addEventListener("click", () => {
  seed.value = "";
  seed.focus();
});
find("viewer-close").addEventListener("click", () => viewer.close());
find("viewer-again").addEventListener("click", () => again(kept[viewed]));
viewer.addEventListener("click", (event) => event.target === viewer && viewer.close());
document.addEventListener("keydown", (event) => {
  if (viewer.open) {
    if (event.key === "ArrowLeft") view(viewed - 1);
    if (event.key === "ArrowRight") view(viewed + 1);
    return;
  }
  if (event.key === "Escape") stop();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !drawing && !find("key-dialog").open) form.requestSubmit();
});

async function begin() {
  try {
    server = await (await call("api/models")).json();
    fill(model, server.models.map((each) => each.name), server.default_model);
    find("model-field").hidden = server.models.length === 1;
    count.max = server.max_images;
    prompt.maxLength = server.max_prompt_length;
    showModel();
    document.body.dataset.ready = "yes";
  } catch (error) {
    say(error.message, true);
  }
}

begin();
