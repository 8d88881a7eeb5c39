// Language and theme: chosen once, kept in the browser.

import { h } from "./dom.js";
import { LANGUAGES, choose, language, t } from "./words.js";

const THEME = "tagfleet-theme";
const theme = () => localStorage.getItem(THEME) ?? "auto";

export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

/** Two choices; `changed` is called when the page is to be drawn anew. */
export function settings(changed) {
  const choice = (label, options, now, chosen) =>
    h("select", { "aria-label": label, onchange: ({ target }) => chosen(target.value) },
      options.map(([value, name]) => h("option", { value, selected: value === now }, name)));
  return [
    choice(t("settings.language"), Object.entries(LANGUAGES), language(), (value) => { choose(value); changed(); }),
    choice(t("settings.theme"), ["auto", "light", "dark"].map((name) => [name, t(`theme.${name}`)]), theme(), (value) => {
      localStorage.setItem(THEME, value);
      applyTheme();
    }),
  ];
}
