/** Points: the net's answers over the plane, or along a line, and at one point of it. */

import { computeSurface } from "./api.js";
import { copy, find, make, offerSamples, short, showProblem } from "./dom.js";
import { Plot } from "./plot.js";

const RESOLUTION = 96; // points along each side of the surface
const STEP = 0.01; // of the range, for an arrow key; ten times as far with Shift
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

export class PointsView {
  #answer;
  #range; // lowest and highest of each input; on a line there is one
  #plot;
  #point;
  #select;

  constructor(card, answer, samples) {
    this.#answer = answer;
    this.#range = card.range ?? Array(card.input.shape[0]).fill([-1, 1]);
    this.#plot = new Plot(card, this.#range);
    find("input").append(copy("points-view"));
    this.#offerFields();
    this.#select = offerSamples(samples, ({ input, label }) => this.#move(input, label));
    this.#listen();
    this.#move(this.#range.map(([low, high]) => (low + high) / 2));
    computeSurface(this.#range, RESOLUTION)
      .then((surface) => {
        this.#plot.draw(surface, samples);
        if (!card.classes.length && card.num_outputs > 1) {
          this.#offerTargets(card.num_outputs, (target) => this.#plot.draw(surface, samples, target));
        }
      })
      .catch(showProblem);
  }

  #offerFields() {
    this.#range.forEach(([low, high], axis) => {
      const field = make("input", { type: "number", step: "any", required: true });
      field.addEventListener("input", () => {
        if (field.validity.valid) this.#move(this.#point.with(axis, field.valueAsNumber));
      });
      find("coordinates").append(make("label", {}, `x${axis + 1}, shown ${short(low)} to ${short(high)}`, field));
    });
  }

  /** Offer the values of a regression, each of which `show` draws. */
  #offerTargets(count, show) {
    find("target-label").hidden = false;
    find("target").append(...Array.from({ length: count }, (_, place) => make("option", { textContent: place })));
    find("target").addEventListener("change", ({ target }) => show(target.selectedIndex));
  }

  #listen() {
    const plot = find("plot");
    plot.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      plot.setPointerCapture(event.pointerId);
      this.#pointAt(event);
    });
    plot.addEventListener("pointermove", (event) => {
      if (plot.hasPointerCapture(event.pointerId)) this.#pointAt(event);
    });
    plot.addEventListener("keydown", (event) => {
      const direction = ARROWS[event.key];
      if (!direction) return;
      event.preventDefault();
      const step = STEP * (event.shiftKey ? 10 : 1);
      const move = ([low, high], axis) => this.#point[axis] + direction[axis] * step * (high - low);
      this.#move(this.#range.map(move));
    });
  }

  #pointAt({ clientX, clientY }) {
    const box = find("plot").getBoundingClientRect();
    const parts = [(clientX - box.left) / box.width, 1 - (clientY - box.top) / box.height];
    const within = (part) => Math.max(0, Math.min(1, part));
    this.#move(this.#range.map(([low, high], axis) => low + within(parts[axis]) * (high - low)));
  }

  /** Ask about a point, of which a sample's label may be known. */
  #move(point, truth = null) {
    this.#point = point;
    if (truth === null) this.#select.value = "";
    const fields = find("coordinates").querySelectorAll("input");
    fields.forEach((field, axis) => {
      if (field !== document.activeElement) field.value = short(point[axis]);
    });
    this.#answer.ask({ inputs: [point] }, truth, ({ value }) => this.#plot.movePoint(point, value));
  }
}
