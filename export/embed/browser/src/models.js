/** The models of the page, in plain words. */

export const MODELS = {
  speech: {
    title: "Speech",
    text: "For people talking, in recordings and live: takes away background noise, and music with it.",
  },
  general: {
    title: "Sensors and other signals",
    text: "For ECG, vibration, temperature and any other curve at any sample rate: takes away random noise.",
  },
  "general-small": {
    title: "Sensors, small",
    text: "The same for slow devices: a seventh of the work, and a little more noise left.",
  },
  x2: {
    title: "Parabola",
    text: "The example of a tutorial: it knows nothing but pieces of parabolas.",
  },
};

/** What is loaded for a kind of signal, until the user chooses. */
export const DEFAULT_MODELS = { sound: "speech", table: "general" };
