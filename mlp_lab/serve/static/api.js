/** Requests to the service that this page came from. */

/**
 * Ask the service and return its JSON.
 *
 * @throws {Error} With the service's own sentence, or one that says that it is gone.
 */
async function request(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The service does not answer. Is mlp-lab serve still running?");
  }
  const content = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(content.error ?? `The service answered ${response.status}.`);
  return content;
}

const post = (path, content) =>
  request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(content),
  });

export const getCard = () => request("api/model");
export const getSamples = async () => (await request("api/samples")).samples;
export const predict = async (content) => (await post("api/predict", content)).predictions[0];
export const computeOcclusion = (input) => post("api/occlusion", { input });
export const computeSurface = (range, resolution) => post("api/surface", { range, resolution });

/** Return an image file as the net gets it: nested lists, channels first. */
export const decode = async (file) =>
  (
    await request("api/seen", {
      method: "POST",
      headers: { "Content-Type": file.type || "application/octet-stream" },
      body: file,
    })
  ).input;

/**
 * Ask for the newest value only: while one request is on its way, later values replace each other.
 *
 * What is shown keeps moving while one draws, and requests never pile up.
 *
 * @param ask Takes a value, returns a promise.
 * @param show Takes an answer and the value it belongs to.
 * @param fail Takes an error.
 * @param rest Called once nothing is on its way any more.
 * @returns {{ask: function(*), forget: function()}} `forget` drops what is on its way.
 */
export function newestWins(ask, show, fail, rest = () => {}) {
  let busy = false;
  let waiting = null;
  let era = 0;
  async function work() {
    busy = true;
    while (waiting) {
      const [value, asked] = waiting;
      waiting = null;
      try {
        const answer = await ask(value);
        if (asked === era) show(answer, value);
      } catch (error) {
        if (asked === era) fail(error);
      }
    }
    busy = false;
    rest();
  }
  return {
    ask(value) {
      waiting = [value, era];
      if (!busy) work();
    },
    forget() {
      era += 1;
      waiting = null;
    },
  };
}
