/** Small means to build and read the page. */

export const find = (id) => document.getElementById(id);

/** Make an element with properties and children; text stays text, whatever a class is called. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Return a copy of a template's content. */
export const copy = (id) => find(id).content.cloneNode(true);

/** Say what went wrong at the top of the page, or take that away again. */
export function showProblem(error) {
  const place = find("problem");
  place.hidden = !error;
  place.textContent = error?.message ?? "";
}

/** Return a function that calls another one once it has not been called for a while. */
export function atRest(call, milliseconds) {
  let timer;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(call, milliseconds, ...values);
  };
}

export const percent = (fraction, digits = 1) => `${(100 * fraction).toFixed(digits)} %`;

/** Return a number in four significant digits, without zeros that say nothing. */
export const short = (value) => String(Number(Number(value).toPrecision(4)));

/** Return the name of a class, or the targets of a regression, as text. */
export const nameLabel = (label) =>
  typeof label === "string" ? label : [label].flat().map(short).join(", ");

/** Fill a select with test samples, and hand each chosen one to `choose`. */
export function offerSamples(samples, choose) {
  find("sample-label").hidden = samples.length === 0;
  const select = find("sample");
  select.append(make("option", { value: "", textContent: "none" }));
  samples.forEach((sample, place) => {
    const label = sample.label === null ? "" : `: ${nameLabel(sample.label)}`;
    select.append(make("option", { value: place, textContent: `sample ${sample.index}${label}` }));
  });
  select.addEventListener("change", () => {
    if (select.value !== "") choose(samples[Number(select.value)]);
  });
  return select;
}
