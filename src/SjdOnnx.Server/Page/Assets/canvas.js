// Pictures that grow, and the bars below them.

const calm = matchMedia("(prefers-reduced-motion: reduce)");
const drafts = 24; // squares behind the last settled one that flicker like guesses

/** A picture while it is drawn: finished rows, settled codes that are not decoded yet, drafts, and the rest. */
export class GrowingPicture {
  #canvas;
  #context;
  #cell;
  #bitmap = null;
  #finished = 0; // pixel rows of the bitmap
  #shown = 0; // those that are shown: they grow smoothly
  #settled = 0; // codes
  #tints; // a color for each column, from the last finished row
  #frame = 0;

  constructor(canvas, width, height, cell) {
    Object.assign(canvas, { width, height });
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
    this.#cell = cell;
    this.#tints = Array.from({ length: Math.ceil(width / cell) }, () => [122, 118, 205]);
    this.#frame = requestAnimationFrame((time) => this.#paint(time));
  }

  settle(codes) {
    this.#settled = codes;
  }

  preview(bitmap, finished) {
    this.#bitmap = bitmap;
    this.#finished = finished;
    this.#readTints();
  }

  complete(bitmap) {
    this.stop();
    this.#context.globalAlpha = 1;
    this.#context.drawImage(bitmap, 0, 0, this.#canvas.width, this.#canvas.height);
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
  }

  #paint(time) {
    const { width, height } = this.#canvas;
    const context = this.#context;
    this.#shown = Math.min(this.#finished, this.#shown + (calm.matches ? height : Math.max(0.5, (this.#finished - this.#shown) * 0.15)));
    context.clearRect(0, 0, width, height);
    const rows = Math.floor(this.#shown);
    if (this.#bitmap && rows > 0) context.drawImage(this.#bitmap, 0, 0, width, rows, 0, 0, width, rows);
    this.#paintCodes(rows, calm.matches ? 0 : Math.floor(time / 90));
    if (this.#frame) this.#frame = requestAnimationFrame((next) => this.#paint(next));
  }

  #paintCodes(top, tick) {
    const { width, height } = this.#canvas;
    const columns = this.#tints.length;
    const cell = this.#cell;
    this.#context.save();
    this.#context.beginPath();
    this.#context.rect(0, top, width, height - top);
    this.#context.clip();
    for (let row = Math.floor(top / cell); row * cell < height; row++) {
      for (let column = 0; column < columns; column++) {
        const code = row * columns + column;
        const [red, green, blue] = this.#tints[column];
        const noise = random(code, code < this.#settled ? 0 : tick);
        const shade = 0.75 + 0.5 * noise;
        const strength = code < this.#settled ? 0.85 : code < this.#settled + drafts ? 0.2 + 0.5 * noise : 0.05 + 0.05 * random(code, 0);
        this.#context.fillStyle = `rgb(${red * shade} ${green * shade} ${blue * shade} / ${strength})`;
        this.#context.fillRect(column * cell + 0.5, row * cell + 0.5, cell - 1, cell - 1);
      }
    }
    this.#context.restore();
  }

  /** Undrawn squares take the colors of the row above them. */
  #readTints() {
    const { width } = this.#canvas;
    const row = new OffscreenCanvas(this.#tints.length, 1).getContext("2d");
    row.drawImage(this.#bitmap, 0, Math.max(0, this.#finished - this.#cell), width, this.#cell, 0, 0, this.#tints.length, 1);
    const { data } = row.getImageData(0, 0, this.#tints.length, 1);
    this.#tints = this.#tints.map((_, i) => [data[4 * i], data[4 * i + 1], data[4 * i + 2]]);
  }
}

/** A number from 0 to 1 that looks random and is always the same for the same place and time. */
function random(place, tick) {
  const x = Math.sin(place * 12.9898 + tick * 78.233) * 43758.5453;
  return x - Math.floor(x);
}

/** Draws a bar for each forward pass, as high as the number of tokens that it settled. */
export function paintBars(canvas, settled) {
  const ratio = devicePixelRatio;
  const { clientWidth, clientHeight } = canvas;
  Object.assign(canvas, { width: clientWidth * ratio, height: clientHeight * ratio });
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const step = Math.min(14, clientWidth / Math.max(1, settled.length));
  const most = Math.max(8, ...settled);
  context.fillStyle = getComputedStyle(canvas).getPropertyValue("--accent");
  settled.forEach((tokens, pass) => {
    const high = Math.max(2, (tokens / most) * (clientHeight - 2));
    context.globalAlpha = 0.35 + 0.65 * (tokens / most);
    context.fillRect(pass * step, clientHeight - high, Math.max(1, step - (step > 3 ? 2 : 0)), high);
  });
}
