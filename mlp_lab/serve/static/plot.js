/** The plot behind a point: a decision surface, values over a plane, or values along a line. */

import { find, make, percent, short } from "./dom.js";
import { paintPixels } from "./picture.js";

const SVG = "http://www.w3.org/2000/svg";
const MARGIN = 0.1; // of the extent of a line's values

// The colours of the run's own figures: the ends of PuOr, else those of Petroff.
const TWO = ["#b35806", "#542788"];
const MANY = [
  ...["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"],
  ...["#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"],
];
const VALUE = [31, 95, 191]; // stronger for larger values

export class Plot {
  #classes;
  #range; // lowest and highest x and y
  #point = null;

  constructor(classes, range) {
    this.#classes = classes;
    this.#range = range;
  }

  get range() {
    return this.#range;
  }

  /** Draw what the service computed, and the test samples where they lie. */
  draw({ labels, probability, values }, samples) {
    if (this.#range.length === 1) this.#drawLine(values.flat(), samples);
    else if (values) this.#drawValues(values.map((row) => row.flat()));
    else this.#drawClasses(labels, probability);
    for (const { input, label } of samples) {
      const [x, y = Number(label)] = input;
      this.#mark("sample", x, y, this.#colour(this.#classes.indexOf(label)));
    }
  }

  /** Draw the point that is asked about. */
  movePoint(x, y) {
    this.#point?.remove();
    this.#point = this.#mark("point", x, y);
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
    this.#classes.forEach((name, index) => {
      if (shares[index] === 0) return;
      const swatch = make("i");
      swatch.style.background = this.#colour(index);
      find("legend").append(make("li", {}, swatch, `${name}: ${percent(shares[index], 0)} of the plane`));
    });
  }

  #drawValues(rows) {
    const flat = rows.flat();
    const [low, high] = [Math.min(...flat), Math.max(...flat)];
    paintPixels(find("surface"), rows.toReversed(), (y, x) => {
      const part = (rows.at(-1 - y)[x] - low) / (high - low || 1);
      return [...VALUE, 255 * (0.05 + 0.8 * part)];
    });
    find("plot-title").textContent = `Predicted value, ${short(low)} (pale) to ${short(high)}`;
  }

  #drawLine(values, samples) {
    const shown = [...values, ...samples.map(({ label }) => Number(label))];
    const [low, high] = [Math.min(...shown), Math.max(...shown)];
    const margin = MARGIN * (high - low || 1);
    this.#range = [...this.#range, [low - margin, high + margin]];
    const [left, right] = this.#range[0];
    const x = (place) => left + (place / (values.length - 1)) * (right - left);
    const path = document.createElementNS(SVG, "path");
    const points = values.map((value, place) => this.#place(x(place), value).join(" "));
    path.setAttribute("d", `M${points.join("L")}`);
    path.setAttribute("class", "line");
    find("marks").append(path);
    find("plot-title").textContent = `Predicted value, ${short(low)} to ${short(high)}`;
  }

  #colour = (index) => (this.#classes.length === 2 ? TWO : MANY)[index % MANY.length] ?? "";

  #index = (label) => (typeof label === "number" ? label : this.#classes.indexOf(label));

  /** Return where a point lies, in hundredths of the plot from its upper left corner. */
  #place(x, y) {
    const [[left, right], [low, high]] = this.#range;
    return [(100 * (x - left)) / (right - left), 100 - (100 * (y - low)) / (high - low)];
  }

  /** Draw a dot: a line without length stays round however the plot is stretched. */
  #mark(kind, x, y, colour = "") {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("class", kind);
    for (const layer of ["rim", "dot"]) {
      const line = document.createElementNS(SVG, "path");
      line.setAttribute("d", `M${this.#place(x, y).join(" ")}h0`);
      line.setAttribute("class", layer);
      if (layer === "dot") line.style.stroke = colour;
      group.append(line);
    }
    find("marks").append(group);
    return group;
  }
}

const rgb = (colour) => [1, 3, 5].map((place) => parseInt(colour.slice(place, place + 2), 16));
