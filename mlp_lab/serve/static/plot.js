/** The plot behind a point: classes or values over a plane, or along a line. */

import { find, make, percent, short } from "./dom.js";
import { paintPixels } from "./picture.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 0.1; // of the extent of a line's values
const BAND = [-1, 1]; // lowest and highest y where classes lie along a line

// The colours of the run's own figures: the ends of PuOr, else those of Petroff.
const TWO = ["#b35806", "#542788"];
const MANY = [
  ...["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"],
  ...["#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"],
];
const VALUE = [31, 95, 191]; // stronger for larger values

export class Plot {
  #classes;
  #several; // whether there are several values, of which one is drawn
  #axes; // lowest and highest of each input
  #range = null; // lowest and highest x and y of what is drawn
  #target;
  #asked = null; // the point that is asked about, and its value
  #point = null;

  constructor({ classes, num_outputs: outputs }, axes) {
    this.#classes = classes;
    this.#several = outputs > 1;
    this.#axes = axes;
  }

  /** Draw what the service computed, and the test samples where they lie. */
  draw({ labels, probability, values }, samples, target = 0) {
    this.#target = target;
    find("marks").replaceChildren();
    const onLine = this.#axes.length === 1;
    this.#range = onLine ? [...this.#axes, BAND] : this.#axes;
    if (!values) this.#drawClasses(onLine ? [labels] : labels, onLine ? [probability] : probability);
    else if (onLine) this.#drawLine(values.map((value) => value[target]), samples);
    else this.#drawValues(values.map((row) => row.map((value) => value[target])));
    for (const { input, label } of samples) {
      this.#mark("sample", this.#locate(input, label), this.#colour(this.#classes.indexOf(label)));
    }
    if (this.#asked) this.movePoint(...this.#asked);
  }

  /** Draw the point that is asked about, on a line as high as its value, once there is a plot. */
  movePoint(input, value) {
    this.#asked = [input, value];
    this.#point?.remove();
    if (this.#range) this.#point = this.#mark("point", this.#locate(input, value));
  }

  #locate([x, y], value) {
    return [x, y ?? (this.#classes.length ? 0 : value[this.#target])];
  }

  #drawClasses(labels, probability) {
    const chance = 1 / this.#classes.length;
    const shares = this.#classes.map(() => 0);
    const indices = labels.map((row) => row.map((label) => this.#index(label)));
    paintPixels(find("surface"), indices.toReversed(), (y, x) => {
      const row = indices.length - 1 - y; // the first row is the lowest
      const index = indices[row][x];
      shares[index] += 1 / (indices.length * indices[0].length);
      const certain = (probability[row][x] - chance) / (1 - chance);
      return [...rgb(this.#colour(index)), 255 * (0.1 + 0.6 * certain)];
    });
    this.#explainColours(shares);
  }

  /** Name the classes that are seen; where colours repeat, those alone that take the most room. */
  #explainColours(shares) {
    const count = this.#classes.length;
    const seen = [...shares.keys()].filter((index) => shares[index] > 0);
    const bySize = seen.toSorted((a, b) => shares[b] - shares[a]).slice(0, MANY.length);
    for (const index of count > MANY.length ? bySize : seen) {
      const swatch = make("i");
      swatch.style.background = this.#colour(index);
      const room = `${percent(shares[index], 0)} of the ${this.#axes.length === 1 ? "line" : "plane"}`;
      find("legend").append(make("li", {}, swatch, `${this.#classes[index]}: ${room}`));
    }
    if (count > MANY.length) {
      const hint = `${count} classes share ${MANY.length} colours: point at a place to see its class.`;
      find("legend").append(make("li", { textContent: hint }));
    }
  }

  #drawValues(rows) {
    const flat = rows.flat();
    const [low, high] = [Math.min(...flat), Math.max(...flat)];
    paintPixels(find("surface"), rows.toReversed(), (y, x) => {
      const part = (rows.at(-1 - y)[x] - low) / (high - low || 1);
      return [...VALUE, 255 * (0.05 + 0.8 * part)];
    });
    this.#entitle(`${short(low)} (faint) to ${short(high)} (strong)`);
  }

  #drawLine(values, samples) {
    const shown = [...values, ...samples.map(({ label }) => label[this.#target])];
    const [low, high] = [Math.min(...shown), Math.max(...shown)];
    const margin = MARGIN * (high - low || 1);
    const [[left, right]] = this.#axes;
    this.#range = [[left, right], [low - margin, high + margin]];
    const x = (place) => left + (place / (values.length - 1)) * (right - left);
    const path = document.createElementNS(SVG, "path");
    const points = values.map((value, place) => this.#place([x(place), value]).join(" "));
    path.setAttribute("d", `M${points.join("L")}`);
    path.setAttribute("class", "line");
    find("marks").append(path);
    this.#entitle(`${short(low)} to ${short(high)}`);
  }

  #entitle(extent) {
    const name = this.#several ? `Predicted value ${this.#target}` : "Predicted value";
    find("plot-title").textContent = `${name}, ${extent}`;
  }

  #colour = (index) => (this.#classes.length === 2 ? TWO : MANY)[index % MANY.length] ?? "";

  #index = (label) => (typeof label === "number" ? label : this.#classes.indexOf(label));

  /** Return where a point lies, in hundredths of the plot from its upper left corner. */
  #place([x, y]) {
    const [[left, right], [low, high]] = this.#range;
    return [(100 * (x - left)) / (right - left), 100 - (100 * (y - low)) / (high - low)];
  }

  /** Draw a dot: a line without length stays round however the plot is stretched. */
  #mark(kind, point, colour = "") {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", kind);
    for (const layer of ["rim", "dot"]) {
      const line = document.createElementNS(SVG, "path");
      line.setAttribute("d", `M${this.#place(point).join(" ")}h0`);
      line.setAttribute("class", layer);
      if (layer === "dot") line.style.stroke = colour;
      group.append(line);
    }
    find("marks").append(group);
    return group;
  }
}

const rgb = (colour) => [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
