/** From strokes to what the net takes: framed as its training images are. */

const FINE = 4; // strokes are drawn this much finer than the net's pixels, then averaged
const MOST_GROWTH = 3; // a dot stays a dot

/**
 * Frame of models that bring no sample images along: that of MNIST, where digits of 20 pixels and
 * strokes of 2.3 lie with their centre of mass in the middle of 28 pixels.
 */
function usualFrame(height, width) {
  const side = Math.min(height, width) / 28;
  return { height: 20 * side, width: 20 * side, center: [width / 2, height / 2], stroke: 2.3 * side };
}

/** Draws strokes, lists of points in pixels of the net's input, into grey levels 0..255 of ink. */
export class Framer {
  #height;
  #width;
  #frame;
  #context;

  /**
   * @param height Of the net's input, in pixels.
   * @param width The same.
   * @param frame Bounding box, centre of mass (x, y) and stroke of the training images.
   */
  constructor(height, width, frame) {
    this.#height = height;
    this.#width = width;
    this.#frame = frame ?? usualFrame(height, width);
    const canvas = new OffscreenCanvas(width * FINE, height * FINE);
    this.#context = canvas.getContext("2d", { willReadFrequently: true });
  }

  /** Thickness of a stroke, in pixels of the net's input. */
  get stroke() {
    return this.#frame.stroke;
  }

  /** Return ink (H x W, row after row) where the strokes were drawn. */
  place(strokes, pen) {
    this.#draw(strokes, this.stroke * pen, ([x, y]) => [x * FINE, y * FINE]);
    return this.#average(0, 0);
  }

  /** Return ink (H x W, row after row) of strokes brought to the training images' size and place. */
  fit(strokes, pen) {
    const box = bounds(strokes.flat());
    const thickness = this.stroke * pen;
    const longest = Math.max(box.right - box.left, box.bottom - box.top);
    const room = Math.max(this.#frame.height, this.#frame.width) - thickness;
    const scale = Math.min(room / longest, MOST_GROWTH) * FINE;
    const [middle, center] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    this.#draw(strokes, thickness, ([x, y]) => [
      (x - middle) * scale + (this.#width * FINE) / 2,
      (y - center) * scale + (this.#height * FINE) / 2,
    ]);
    const half = (length) => (length * scale + thickness * FINE) / 2;
    return this.#average(...this.#shift(half(box.bottom - box.top), half(box.right - box.left)));
  }

  #draw(strokes, thickness, move) {
    const context = this.#context;
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    context.lineWidth = thickness * FINE;
    trace(context, strokes, move);
  }

  /** Return by how much to move the drawing for its centre of mass, without cutting it off. */
  #shift(halfHeight, halfWidth) {
    const { width, height } = this.#context.canvas;
    const { data } = this.#context.getImageData(0, 0, width, height);
    let [mass, across, down] = [0, 0, 0];
    for (let y = 0; y < height; y += 1) {
      for (let x = 0; x < width; x += 1) {
        const ink = data[4 * (y * width + x) + 3];
        mass += ink;
        across += ink * (x + 0.5);
        down += ink * (y + 0.5);
      }
    }
    const within = (shift, free) => Math.round(Math.max(-free, Math.min(free, shift)));
    const [x, y] = this.#frame.center;
    return [
      within(y * FINE - down / mass, Math.max(0, height / 2 - halfHeight)),
      within(x * FINE - across / mass, Math.max(0, width / 2 - halfWidth)),
    ];
  }

  /** Return the mean ink of each pixel of the net's input, after a shift in fine pixels. */
  #average(down, across) {
    const { width, height } = this.#context.canvas;
    const { data } = this.#context.getImageData(-across, -down, width, height);
    const ink = new Float32Array(this.#width * this.#height);
    for (let y = 0; y < height; y += 1) {
      const row = Math.floor(y / FINE) * this.#width;
      for (let x = 0; x < width; x += 1) {
        ink[row + Math.floor(x / FINE)] += data[4 * (y * width + x) + 3];
      }
    }
    return ink.map((sum) => Math.round(sum / FINE ** 2));
  }
}

/** Draw strokes as lines with round ends; a single point becomes a dot. */
export function trace(context, strokes, move) {
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  for (const stroke of strokes) {
    const [x, y] = move(stroke[0]);
    context.moveTo(x, y);
    context.lineTo(x + 0.01, y); // a line without length is not drawn
    for (const point of stroke.slice(1)) context.lineTo(...move(point));
  }
  context.stroke();
}

function bounds(points) {
  const box = { left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (const [x, y] of points) {
    box.left = Math.min(box.left, x);
    box.right = Math.max(box.right, x);
    box.top = Math.min(box.top, y);
    box.bottom = Math.max(box.bottom, y);
  }
  return box;
}
