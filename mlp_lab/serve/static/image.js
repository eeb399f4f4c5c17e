/** Images: drawn, chosen, dropped, pasted or taken from the test set. */

import { computeOcclusion, decode, newestWins } from "./api.js";
import { atRest, copy, find, make, nameLabel, percent, short, showProblem } from "./dom.js";
import { Framer } from "./framing.js";
import { Pad } from "./pad.js";
import { inkOf, paint, paintMap } from "./picture.js";

const LOOK_AFTER = 250; // milliseconds at rest before the occlusion map is asked for
const PLACES = [["upper left", "top", "upper right"], ["left", "middle", "right"], ["lower left", "bottom", "lower right"]];

export class ImageView {
  #card;
  #answer;
  #size;
  #dark;
  #framer = null;
  #pad = null;
  #base = null; // what the strokes are drawn over: a sample or a file, as the net gets it
  #input = null;
  #truth = null;

  constructor(card, answer, samples) {
    this.#card = card;
    this.#answer = answer;
    const [channels, ...size] = card.input.shape;
    const bytes = card.input.type === "uint8";
    this.#size = size;
    this.#dark = card.dark_background ?? true;
    this.#layOut(channels === 1 && bytes, [1, 3].includes(channels) && bytes);
    find("clear").addEventListener("click", () => this.#start(null));
    find("invert")?.addEventListener("click", () => this.#invert());
    find("look").addEventListener("change", () => this.#lookAgain());
    this.#offerSamples(samples);
    this.#start(null);
    if (!this.#pad) document.getElementsByName("sample")[0]?.click(); // an empty box would say nothing
  }

  #occlusion = newestWins(computeOcclusion, (answer) => this.#showMap(answer), showProblem);

  #lookAtRest = atRest(() => this.#looks() && this.#occlusion.ask(this.#input), LOOK_AFTER);

  #looks = () => find("look").checked && this.#input !== null;

  /** Lay out what can be used: a pen for grey levels, files for grey levels and colours. */
  #layOut(takesPen, takesFiles) {
    find("input").append(copy(takesPen ? "pad-view" : "seen-view"), copy("tools-view"));
    if (takesPen) {
      find("input-title").textContent = "Draw here";
      find("verdict").prepend(copy("seen-view"));
      this.#offerPen();
    } else for (const id of ["pen-label", "undo"]) find(id).remove();
    find("size").textContent = `${this.#size.join("\u00a0×\u00a0")} pixels`;
    find("start").hidden = false;
    find("start").append(copy("start-view"));
    if (takesFiles) this.#takeFiles();
    else find("files").remove();
  }

  /** Begin anew from an input, or from nothing. */
  #start(input, truth = null) {
    this.#base = input;
    this.#truth = truth;
    this.#pad?.start(input && inkOf(input[0], this.#dark));
    for (const choice of document.getElementsByName("sample")) choice.checked = false;
    this.#show(input);
  }

  #show(input) {
    this.#input = input;
    const [height, width] = this.#size;
    const nothing = () => Array.from({ length: height }, () => Array(width).fill(this.#dark ? 0 : 255));
    paint(find("seen"), input ?? [nothing()], this.#card.input.type);
    find("seen").ariaLabel = `The picture as the net sees it${input ? "" : ": empty"}`;
    if (input) this.#answer.ask({ inputs: [input] }, this.#truth);
    else this.#answer.clear();
    this.#lookAgain();
  }

  #offerPen() {
    const [height, width] = this.#size;
    this.#framer = new Framer(height, width, this.#card.framing);
    this.#pad = new Pad(find("pad"), this.#size, this.#framer.stroke, () => this.#drawn());
    find("undo").addEventListener("click", () => this.#pad.undo());
    document.addEventListener("keydown", (event) => {
      if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.#pad.undo();
    });
    find("pen").addEventListener("input", ({ target }) => {
      this.#pad.pen = target.valueAsNumber;
      this.#pad.draw();
      this.#drawn();
    });
  }

  /** Frame the strokes; over a picture they stay where they were drawn. */
  #drawn() {
    const { strokes, pen } = this.#pad;
    if (strokes.length === 0) return this.#show(this.#base);
    const ink = this.#base ? this.#framer.place(strokes, pen) : this.#framer.fit(strokes, pen);
    const width = this.#size[1];
    const under = this.#base && inkOf(this.#base[0], this.#dark);
    const rows = Array.from({ length: this.#size[0] }, (_, y) =>
      Array.from({ length: width }, (_, x) => Math.max(ink[y * width + x], under?.[y][x] ?? 0)),
    );
    this.#show([inkOf(rows, this.#dark)]);
  }

  #invert() {
    if (this.#input) this.#start(this.#input.map((channel) => inkOf(channel, false)));
  }

  #takeFiles() {
    const take = async (file) => {
      if (!file) return;
      try {
        const { megabytes } = this.#card.limits;
        if (file.size > megabytes * 2 ** 20) throw new Error(`The file is larger than ${megabytes} MiB, which the service takes at most.`);
        this.#start(await decode(file));
      } catch (error) {
        showProblem(error);
      }
    };
    find("file").addEventListener("change", ({ target }) => {
      take(target.files[0]);
      target.value = ""; // the same file can be chosen again
    });
    document.addEventListener("paste", (event) => take(event.clipboardData.files[0]));
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      document.body.classList.add("dropping");
    });
    for (const end of ["dragleave", "drop"]) {
      document.addEventListener(end, () => document.body.classList.remove("dropping"));
    }
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      take(event.dataTransfer.files[0]);
    });
  }

  #offerSamples(samples) {
    find("samples").hidden = samples.length === 0;
    for (const { index, label, input } of samples) {
      const name = label === null ? "" : nameLabel(label);
      const canvas = make("canvas");
      paint(canvas, input, this.#card.input.type);
      const choice = make("input", { type: "radio", name: "sample", className: "unseen", value: index });
      choice.ariaLabel = `Sample ${index}${name && `, labelled ${name}`}`;
      choice.addEventListener("change", () => {
        this.#start(input, label);
        choice.checked = true;
      });
      find("samples").lastElementChild.append(make("label", { title: name }, choice, canvas));
    }
  }

  #lookAgain() {
    this.#occlusion.forget();
    find("overlay").hidden = true; // it belongs to the picture before
    if (this.#looks()) this.#lookAtRest();
    else find("looked").textContent = "";
  }

  #showMap({ map, label }) {
    find("overlay").hidden = false;
    const { drop, x, y } = paintMap(find("overlay"), map);
    const third = (place, length) => Math.floor((3 * place) / length);
    const where = PLACES[third(y, map.length)][third(x, map[0].length)];
    const several = this.#card.num_outputs > 1;
    const [less, more, none, amount] =
      label === null
        ? [`lowers the ${several ? "first " : ""}value`, "raises it", "does not lower the value", short(drop)]
        : [`makes ${label} less probable`, "more probable", `makes ${label} no less probable`, percent(drop)];
    find("looked").textContent =
      drop > 0
        ? `Orange: covering this place ${less}, by up to ${amount} (${where}). Blue: ${more}.`
        : `Covering any one place ${none}.`;
    if (this.#input.length > 1) find("looked").append(" The picture is shown in grey meanwhile.");
  }
}
