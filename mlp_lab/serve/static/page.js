/** Begins here: the model's card decides what the page offers. */

import { describe } from "./about.js";
import { Answer } from "./answer.js";
import { getCard, getSamples } from "./api.js";
import { find, showProblem } from "./dom.js";
import { FeaturesView, TableView } from "./form.js";
import { ImageView } from "./image.js";
import { PointsView } from "./points.js";

const VIEWS = { image: ImageView, points: PointsView, features: FeaturesView, table: TableView };

try {
  const [card, samples] = await Promise.all([getCard(), getSamples()]);
  describe(card);
  document.querySelector("main").hidden = false;
  new VIEWS[card.kind](card, new Answer(card), samples);
} catch (error) {
  showProblem(error);
}

// A model file that was replaced meanwhile is noticed where one comes back to the page.
document.addEventListener("visibilitychange", async () => {
  if (document.hidden) return;
  const card = await getCard().catch(showProblem);
  find("changed").hidden = !card?.changed_on_disk;
});
