// The language of the page: the one of Airflow's UI, if the page has a catalogue of it, or else English.

// Airflow's UI (i18next) keeps its language here. Before it was opened for the first time, it takes the browser's.
const wanted = localStorage.getItem("i18nextLng") ?? navigator.language;

export const language = supported(wanted);

function supported(tag) {
  try {
    const { language: name, script } = new Intl.Locale(tag).maximize();
    if (name === "zh") return script === "Hant" ? "zh-TW" : "zh-CN";
  } catch {
    // no name of a language
  }
  return "en";
}

const { default: texts } = await import(`./catalogue_${language.toLowerCase().replace("-", "_")}.js`);

// The text of a key, with values in place of its {names}.
export function t(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// --- numbers and durations

export const number = (value) => value.toLocaleString(language);

// An estimate has no more than two digits that mean something.
export const about = (value) => number(Number(value.toPrecision(2)));

export const percent = (share) => share.toLocaleString(language, { style: "percent", maximumSignificantDigits: 2 });

export const stateName = (state) => (`state.${state}` in texts ? t(`state.${state}`) : state);

export function duration(seconds) {
  if (seconds === null) return "–";
  const whole = Math.round(seconds);
  const parts = { days: Math.floor(whole / 86400), hours: Math.floor(whole / 3600) % 24, minutes: Math.floor(whole / 60) % 60, seconds: whole % 60 };
  const largest = ["days", "hours", "minutes"].find((unit) => parts[unit]) ?? "seconds";
  return t(`duration.${largest}`, parts);
}
