/** Pictures as nested lists (C x H x W), as the service takes and gives them, on canvases. */

/** Draw an input; bytes as they are, other numbers from their lowest to their highest. */
export function paint(canvas, input, type) {
  const flat = input.flat(2);
  const [low, high] = type === "uint8" ? [0, 255] : [Math.min(...flat), Math.max(...flat)];
  const level = (value) => (255 * (value - low)) / (high - low || 1);
  const channels = input.length === 3 ? input : [input[0], input[0], input[0]];
  paintPixels(canvas, input[0], (y, x) => [...channels.map((c) => level(c[y][x])), 255]);
}

/**
 * Draw an occlusion map (H x W): orange where covering lowers the probability, blue where it raises it.
 *
 * @returns The largest drop, and the row and column where it is.
 */
export function paintMap(canvas, map) {
  const largest = Math.max(...map.flat().map(Math.abs)) || 1;
  paintPixels(canvas, map, (y, x) => {
    const colour = map[y][x] > 0 ? [255, 140, 0] : [60, 140, 255];
    return [...colour, 230 * Math.abs(map[y][x] / largest)];
  });
  let best = { drop: -Infinity };
  map.forEach((row, y) => row.forEach((drop, x) => drop > best.drop && (best = { drop, y, x })));
  return best;
}

/** Draw ink (H x W, 0..255) over the whole of a context, black on nothing. */
export function paintInk(context, ink) {
  const small = new OffscreenCanvas(1, 1);
  paintPixels(small, ink, (y, x) => [0, 0, 0, ink[y][x]]);
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, context.canvas.width, context.canvas.height);
}

/** Turn grey levels into ink or ink into grey levels: on a light background ink is dark. */
export const inkOf = (levels, dark) =>
  dark ? levels : levels.map((row) => row.map((value) => 255 - value));

/** Colour each pixel of a canvas, made as large as the rows are many and long. */
export function paintPixels(canvas, rows, colour) {
  canvas.height = rows.length;
  canvas.width = rows[0].length;
  const image = new ImageData(canvas.width, canvas.height);
  rows.forEach((row, y) =>
    row.forEach((_, x) => image.data.set(colour(y, x), 4 * (y * canvas.width + x))),
  );
  canvas.getContext("2d").putImageData(image, 0, 0);
}
