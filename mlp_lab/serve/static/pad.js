/** The drawing pad: strokes by pen, finger or mouse, over a picture to start from. */

import { trace } from "./framing.js";
import { paintInk } from "./picture.js";

const PIXELS = 560; // of the pad's longer side

export class Pad {
  strokes = [];
  pen = 1;
  #canvas;
  #context;
  #scale;
  #thickness;
  #changed;
  #base = null;

  /**
   * @param canvas Where to draw.
   * @param size Height and width of the net's input, in pixels.
   * @param thickness Of a stroke, in pixels of the net's input.
   * @param changed Called after each change of the strokes.
   */
  constructor(canvas, [height, width], thickness, changed) {
    this.#scale = PIXELS / Math.max(height, width);
    this.#thickness = thickness;
    this.#changed = changed;
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    canvas.width = Math.round(width * this.#scale);
    canvas.height = Math.round(height * this.#scale);
    this.#listen();
  }

  /** Begin anew, over ink (H x W nested) or over nothing. */
  start(base = null) {
    this.strokes = [];
    this.#base = base;
    this.draw();
  }

  undo() {
    this.strokes.pop();
    this.draw();
    this.#changed();
  }

  draw() {
    const context = this.#context;
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    if (this.#base) paintInk(context, this.#base);
    context.lineWidth = this.#thickness * this.pen * this.#scale;
    if (this.strokes.length) trace(context, this.strokes, this.#onCanvas);
  }

  #onCanvas = ([x, y]) => [x * this.#scale, y * this.#scale];

  #listen() {
    const canvas = this.#canvas;
    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.strokes.push([]);
      this.#add([event]);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.isPrimary || !canvas.hasPointerCapture(event.pointerId)) return;
      const finer = event.getCoalescedEvents?.() ?? [];
      this.#add(finer.length ? finer : [event]);
    });
  }

  #add(events) {
    const box = this.#canvas.getBoundingClientRect();
    const perPixel = this.#canvas.width / this.#scale / box.width;
    for (const { clientX, clientY } of events) {
      this.strokes.at(-1).push([(clientX - box.left) * perPixel, (clientY - box.top) * perPixel]);
    }
    this.draw();
    this.#changed();
  }
}
