// Elements, without a framework. Text is always set as text, never as markup.

export const byId = (id) => document.getElementById(id);

/** Makes an element; `children` may hold strings, elements, and nothing. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return element;
}

/** Text whose direction is its own. */
export const bdi = (text, className) => make("bdi", { class: className }, text);

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Makes the children of `list` those of `items`, in order, touching only what differs: an item whose signature is the
 * same keeps its element, and with it focus, selection and scroll position.
 */
export function reconcile(list, items, { key, signature, build }) {
  const wanted = new Set(items.map(key));
  const old = new Map([...list.children].map((element) => [element.dataset.key, element]));
  for (const [oldKey, element] of old) if (!wanted.has(oldKey)) element.remove();
  let next = list.firstElementChild;
  for (const item of items) {
    const itemKey = key(item);
    const itemSignature = signature(item);
    let element = old.get(itemKey);
    if (!element || element.signature !== itemSignature) {
      const fresh = build(item);
      fresh.dataset.key = itemKey;
      fresh.signature = itemSignature;
      if (element) {
        const focused = element.contains(document.activeElement) && document.activeElement.dataset.action;
        if (next === element) next = fresh;
        element.replaceWith(fresh);
        if (focused) fresh.querySelector(`[data-action="${focused}"]`)?.focus();
      }
      element = fresh;
    }
    if (element === next) next = next.nextElementSibling;
    else list.insertBefore(element, next);
  }
}

/** Briefly marks an element as new. */
export function flash(element) {
  element.classList.add("fresh");
  element.addEventListener("animationend", () => element.classList.remove("fresh"), { once: true });
}

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });

export function ago(then, now) {
  const seconds = Math.round((new Date(then) - now) / 1000);
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.round(seconds / size), unit);
  }
  return seconds > -10 ? "just now" : `${-seconds} sec. ago`;
}

export const time = (moment) =>
  make("time", { datetime: moment, title: `${moment.slice(0, 19).replace("T", " ")} UTC`, class: "ago" });
