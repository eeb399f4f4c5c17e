/** What the model is, from which run, and how good it was. */

import { find, make, percent, short } from "./dom.js";

const NAMES = {
  acc: "accuracy",
  f1_macro: "F1 (macro)",
  roc_auc: "ROC AUC",
  roc_auc_macro: "ROC AUC (macro)",
  rmse: "root mean squared error",
  mae: "mean absolute error",
  r2: "R²",
};
const FRACTIONS = ["acc", "f1_macro"];
const SHOWN = ["test/acc", "test/f1_macro", "test/roc_auc", "test/rmse", "test/mae", "test/r2", "test/loss", "val/acc", "val/rmse"];

export function describe(card) {
  document.title = `${card.name} – mlp_lab`;
  const [first, ...parts] = card.name.split("/");
  find("name").replaceChildren(first, ...parts.flatMap((part) => ["/", make("wbr"), part]));
  find("version").textContent = card.mlp_lab;
  find("what").textContent = summarise(card);
  find("changed").hidden = !card.changed_on_disk;
  find("errors").textContent = explainErrors(card);
  for (const key of SHOWN.filter((key) => key in card.metrics)) {
    const [part, metric] = key.split("/");
    const value = card.metrics[key];
    const text = FRACTIONS.includes(metric) ? percent(value, 2) : short(value);
    const name = `${part === "val" ? "validation" : part} ${NAMES[metric] ?? metric}`;
    find("facts").append(make("li", {}, make("b", { textContent: text }), make("span", { textContent: name })));
  }
  const origin = {
    run: card.run,
    data: card.data,
    input: `${card.input.layout}, each of shape ${card.input.shape.join(" × ")}`,
    "SHA-256 of the file": card.sha256,
    "written by": `mlp_lab ${card.mlp_lab}`,
  };
  for (const [name, value] of Object.entries(origin)) {
    if (value) find("origin").append(make("tr", {}, make("th", { scope: "row", textContent: name }), make("td", { textContent: value })));
  }
}

function summarise({ task, kind, classes, num_outputs: outputs, input, data, run }) {
  const inputs = {
    image: `images of ${input.shape.slice(1).join(" × ")} pixels`,
    points: `points of the ${input.shape[0] === 1 ? "line" : "plane"}`,
    features: `${input.shape.join(" × ")} numbers`,
    table: "rows of a table",
  }[kind];
  const values = outputs === 1 ? "a value" : `${outputs} values`;
  const does =
    task === "regression" ? `Predicts ${values} from ${inputs}` : `Tells ${classes.length} classes of ${inputs} apart`;
  return `${does}. ${run ? `From run ${run}` : "From no known run"}${data ? `, trained on ${data}` : ""}.`;
}

/** Say in a sentence what the metrics mean for whoever asks. */
function explainErrors({ metrics, kind, num_outputs: outputs }) {
  const drawn = kind === "image" ? " What is drawn or photographed differs from its test images: expect more." : "";
  if (metrics["test/acc"] !== undefined) {
    const wrong = Math.round(1000 * (1 - metrics["test/acc"]));
    return wrong === 0
      ? `It got all its test samples right, or nearly all.${drawn}`
      : `Of 1,000 test samples it gets about ${wrong} wrong, and it may be confident where it is.${drawn}`;
  }
  if (metrics["test/rmse"] !== undefined) {
    const values = outputs === 1 ? "the value is" : "the values are";
    return `On its test samples ${values} off by ${short(metrics["test/rmse"])} (root mean square).`;
  }
  return "Of its errors on test samples nothing is known here.";
}
