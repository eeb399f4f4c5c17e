/** The answer: the label, the bars, and a sentence for a screen reader once all is at rest. */

import { newestWins, predict } from "./api.js";
import { atRest, find, make, nameLabel, percent, short, showProblem } from "./dom.js";

const MOST_BARS = 12; // more classes are sorted, and only the likeliest of them shown
const REST = 600; // milliseconds without a change before the answer is read out

export class Answer {
  #card;
  #rows = [];
  #last = null;
  #speak = atRest((sentence) => (find("spoken").textContent = sentence), REST);

  constructor(card) {
    this.#card = card;
    const count = card.classes.length;
    find("bars").hidden = count === 0 && card.num_outputs === 1;
    if (count === 0) {
      find("bars").caption.textContent = "Predicted values";
      find("bars").tHead.rows[0].cells[1].textContent = "Value";
    }
    if (count > MOST_BARS) {
      find("bars").caption.textContent = "Probability of each class, the likeliest first";
      const choice = find("every-class");
      choice.hidden = false;
      choice.querySelector("span").textContent = `all ${count} classes`;
      choice.querySelector("input").addEventListener("change", () => this.#layOut());
    }
    this.#layOut();
  }

  /**
   * Ask the service, and show its answer unless a newer one is asked for meanwhile.
   *
   * @param content What `api/predict` takes, of one input.
   * @param truth The label, where it is known.
   * @param shown Called with the prediction that is shown.
   */
  ask(content, truth = null, shown = () => {}) {
    find("answer").ariaBusy = "true";
    this.#requests.ask({ content, truth, shown });
  }

  /** Take the answer away: there is nothing to answer. */
  clear() {
    this.#requests.forget();
    showProblem(null);
    this.#last = null;
    find("label").textContent = "—";
    for (const id of ["confidence", "truth"]) find(id).textContent = "";
    this.#rows.forEach((row) => this.#fill(row, 0, ""));
    this.#speak("");
  }

  #requests = newestWins(
    ({ content }) => predict(content),
    (prediction, { truth, shown }) => {
      showProblem(null);
      this.#show(prediction, truth);
      shown(prediction);
    },
    showProblem,
    () => (find("answer").ariaBusy = "false"),
  );

  #show(prediction, truth) {
    this.#last = [prediction, truth];
    const sentence = this.#card.classes.length
      ? this.#showClasses(prediction, truth)
      : this.#showValues(prediction, truth);
    this.#speak(sentence);
  }

  #layOut() {
    const { classes, num_outputs: outputs } = this.#card;
    const every = find("every-class").querySelector("input").checked;
    const count = classes.length <= MOST_BARS || every ? classes.length || outputs : MOST_BARS;
    this.#rows = Array.from({ length: count }, () => {
      const [name, bar, number] = [make("th", { scope: "row" }), make("i"), make("span")];
      return { name, bar, number, row: make("tr", {}, name, make("td", {}, bar, number)) };
    });
    this.#rows.forEach((row, place) => {
      row.name.textContent = classes[place] ?? place;
    });
    find("bars").tBodies[0].replaceChildren(...this.#rows.map(({ row }) => row));
    if (this.#last) this.#show(...this.#last);
  }

  #fill({ row, bar, number }, fraction, text, best = false) {
    bar.style.transform = `scaleX(${fraction})`;
    number.textContent = text;
    row.classList.toggle("best", best);
  }

  #showClasses(prediction, truth) {
    const { classes } = this.#card;
    const { label, confidence, probabilities } = prediction;
    find("label").textContent = label;
    find("confidence").textContent = percent(confidence);
    const verdict = truth === null ? "" : `The sample's label is ${truth}: ${truth === label ? "right" : "wrong"}.`;
    find("truth").textContent = verdict;
    const order = probabilities.map((_, place) => place);
    const likeliest = [...order].sort((a, b) => probabilities[b] - probabilities[a]);
    const shown = classes.length > MOST_BARS ? likeliest : order;
    this.#rows.forEach((row, place) => {
      const index = shown[place];
      const probability = probabilities[index];
      row.name.textContent = classes[index];
      this.#fill(row, probability, percent(probability), index === likeliest[0]);
    });
    const second = likeliest[1];
    const next = `Next: ${classes[second]}, ${percent(probabilities[second])}.`;
    return `${label}, ${percent(confidence)}. ${next} ${verdict}`;
  }

  #showValues({ value }, truth) {
    find("label").textContent = value.length === 1 ? short(value[0]) : `${value.length} values`;
    find("truth").textContent = truth === null ? "" : `The sample's target is ${nameLabel(truth)}.`;
    this.#rows.forEach((row, place) => this.#fill(row, 0, short(value[place])));
    return `Predicted: ${value.map(short).join(", ")}.`;
  }
}
