// One dialog, filled anew for each question.

import { RefusedError } from "./api.js";
import { byId, make } from "./dom.js";

/**
 * Asks, and acts on the answer. Stays open, with the reason, where the sandbox refuses.
 *
 * fields: { name, label, value, type, options, hint } each; act: gets the values by name.
 */
export function ask({ title, text = "", fields = [], confirm, danger = false, act }) {
  const dialog = byId("dialog");
  const form = dialog.querySelector("form");
  const button = byId("dialog-confirm");
  byId("dialog-title").textContent = title;
  byId("dialog-text").textContent = text;
  byId("dialog-text").hidden = !text;
  byId("dialog-error").textContent = "";
  button.textContent = confirm;
  button.className = danger ? "danger" : "primary";
  byId("dialog-fields").replaceChildren(...fields.map(field));
  form.onsubmit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await act(Object.fromEntries(new FormData(form)));
      dialog.close();
    } catch (error) {
      byId("dialog-error").textContent =
        error instanceof RefusedError ? error.message : "The sandbox does not answer.";
    } finally {
      button.disabled = false;
    }
  };
  byId("dialog-cancel").onclick = () => dialog.close();
  dialog.showModal();
  const first = form.querySelector("input, select");
  first?.focus();
  first?.select?.();
  if (!first) button.focus();
}

function field({ name, label, value = "", type = "text", options, hint, onchange }) {
  const id = `field-${name}`;
  const input = options
    ? make("select", { id, name, onchange }, options.map((option) =>
        make("option", { value: option.value, selected: option.value === value }, option.label)))
    : make("input", { id, name, type, value, autocomplete: "off", spellcheck: "false", dir: "auto" });
  return make("p", { class: "field" },
    make("label", { for: id }, label), input, hint && make("small", {}, hint));
}
