/** Forms: the columns of a table, or plain numbers. */

import { atRest, copy, find, make, offerSamples, showProblem } from "./dom.js";

const REST = 100; // milliseconds without a key before an answer is asked for

class Form {
  #truth = null;
  #answer;

  constructor(answer) {
    this.#answer = answer;
    find("input").append(copy("form-view"));
    const form = find("form");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", ({ target }) => {
      if (target.id === "sample") return;
      find("sample").value = "";
      this.#truth = null;
      this.#askAtRest();
    });
    form.addEventListener("reset", () => {
      this.#truth = null;
      this.#askAtRest(); // when the fields are empty
    });
  }

  /** Offer samples, each of which `fill` writes into the fields. */
  offer(samples, fill) {
    offerSamples(samples, ({ input, label }) => {
      fill(input);
      this.#truth = label;
      this.ask();
    });
  }

  /** Ask for what is in the form. */
  ask() {
    try {
      const content = this.read();
      if (content) this.#answer.ask(content, this.#truth);
      else this.#answer.clear();
    } catch (error) {
      this.#answer.clear();
      showProblem(error);
    }
  }

  #askAtRest = atRest(() => this.ask(), REST);
}

/** Numbers, typed or pasted. */
export class FeaturesView extends Form {
  #shape;
  #field;

  constructor(card, answer, samples) {
    super(answer);
    this.#shape = card.input.shape;
    this.#field = make("textarea", { rows: 4, spellcheck: false, inputMode: "decimal" });
    const title = `The ${this.#count.toLocaleString("en")} numbers of one input`;
    find("form").querySelector(".fields").append(make("label", {}, title, this.#field));
    find("form-hint").textContent = "Separated by commas, semicolons, spaces or lines.";
    this.offer(samples, (input) => (this.#field.value = input.flat().join(", ")));
  }

  get #count() {
    return this.#shape.reduce((product, length) => product * length);
  }

  read() {
    const words = this.#field.value.split(/[\s,;]+/).filter(Boolean);
    if (words.length === 0) return null;
    const wrong = words.find((word) => !Number.isFinite(Number(word)));
    if (wrong !== undefined) throw new Error(`“${wrong}” is no number.`);
    if (words.length !== this.#count) throw new Error(`The model takes ${this.#count} numbers; there are ${words.length}.`);
    const numbers = words.map(Number);
    const [rows, columns] = this.#shape;
    const nested = columns
      ? Array.from({ length: rows }, (_, row) => numbers.slice(row * columns, (row + 1) * columns))
      : numbers;
    return { inputs: [nested] };
  }
}

/** A row of a table: a field for each column, in which nothing means that the value is missing. */
export class TableView extends Form {
  #columns;
  #fields;

  constructor(card, answer, samples) {
    super(answer);
    this.#columns = card.columns;
    this.#fields = card.columns.map(makeField);
    const labels = card.columns.map(({ name }, place) => make("label", {}, name, this.#fields[place]));
    find("form").querySelector(".fields").append(...labels);
    find("form-hint").textContent = "A field that is left empty counts as missing.";
    this.offer(samples, (row) =>
      this.#columns.forEach(({ name }, place) => (this.#fields[place].value = row[name] ?? "")),
    );
    this.ask();
  }

  read() {
    const bad = this.#fields.findIndex((field) => !field.validity.valid);
    if (bad >= 0) throw new Error(`“${this.#columns[bad].name}” takes a number.`);
    const value = ({ kind }, text) => {
      if (text === "") return null;
      if (kind === "numeric") return Number(text);
      return kind === "boolean" ? text === "true" : text;
    };
    const entries = this.#columns.map((column, place) => [
      column.name,
      value(column, this.#fields[place].value),
    ]);
    return { rows: [Object.fromEntries(entries)] };
  }
}

function makeField({ kind, categories, has_other }) {
  if (kind === "numeric") return make("input", { type: "number", step: "any", placeholder: "missing" });
  const names = has_other && !categories.includes("other") ? [...categories, "other"] : categories;
  const choices = kind === "boolean" ? [["true", "yes"], ["false", "no"]] : names.map((name) => [name, name]);
  const options = [["", "missing"], ...choices];
  return make("select", {}, ...options.map(([value, textContent]) => make("option", { value, textContent })));
}
