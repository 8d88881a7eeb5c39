// Elements without a framework: what is told to a page is text, never markup.

const SVG = "http://www.w3.org/2000/svg";

/** Makes an element: `h("p.quiet", { id: "x", onclick }, "text", other)`. What is null or false is left out. */
export function h(name, ...rest) {
  const [tag, ...classes] = name.split(".");
  return filled(document.createElement(tag), classes, rest);
}

export function svg(name, ...rest) {
  const [tag, ...classes] = name.split(".");
  return filled(document.createElementNS(SVG, tag), classes, rest);
}

function filled(made, classes, rest) {
  if (classes.length) made.classList.add(...classes);
  const [first, ...others] = rest;
  const isSettings = first && first.constructor === Object;
  if (isSettings) for (const [key, value] of Object.entries(first)) set(made, key, value);
  made.append(...present(isSettings ? others : rest));
  return made;
}

function set(made, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
  else if (key === "dataset") Object.assign(made.dataset, value);
  // The policy of the page forbids the attribute `style`, and allows properties.
  else if (key === "style") for (const [name, text] of Object.entries(value)) made.style.setProperty(name, text);
  else if (key === "value" || key === "checked" || key === "disabled") made[key] = value;
  else made.setAttribute(key, value === true ? "" : value);
}

const present = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "");

/** Puts these in the place of what is there. */
export function fill(place, ...children) {
  place.replaceChildren(...present(children));
  return place;
}

/** Tells a screen reader, and nobody else. */
export function announce(text) {
  document.getElementById("said").textContent = text;
}

/** Calls again and again, the first time after a while, until the page is left; a hidden tab asks nothing. */
export async function every(seconds, signal, look) {
  for (;;) {
    await pause(seconds * 1000, signal);
    if (signal.aborted) return;
    if (!document.hidden) await look();
  }
}

export function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
