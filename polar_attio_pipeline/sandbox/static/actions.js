// What a person can do with a customer in Polar, and with a person in Attio.

import { send } from "./api.js";
import { billingActions } from "./billing.js";
import { ask } from "./dialogs.js";
import { byId } from "./dom.js";

const nameOf = (item) => item.name || item.email || item.emails?.[0] || item.id;

/** view: `select(noun, id)`, `refresh()`, `say(text)`, `attributes()`. */
export function customerActions(view) {
  const change = changer(view, (customer) => `page/customers/${customer.id}`);
  return {
    rename: (customer) => ask({
      title: "Rename customer", confirm: "Rename",
      fields: [{ name: "name", label: "Name", value: customer.name ?? "" }],
      act: ({ name }) => change("PATCH", customer, { name: name || null }, "Renamed in Polar."),
    }),
    remail: (customer) => ask({
      title: "Change the customer’s address", confirm: "Change",
      fields: [{ name: "email", label: "Address", value: customer.email ?? "" }],
      act: ({ email }) => change("PATCH", customer, { email }, "Address changed in Polar."),
    }),
    ...billingActions(view),
    delete: (customer) => ask({
      title: `Delete ${nameOf(customer)}?`, text: "Polar forgets the customer. Attio keeps the person.",
      confirm: "Delete", danger: true,
      act: () => change("DELETE", customer, undefined, "Deleted in Polar."),
    }),
  };
}

export function personActions(view) {
  const change = changer(view, (person) => `page/people/${person.id}`);
  return {
    edit: (person) => {
      ask({ title: "Edit person", confirm: "Save", fields: editFields(person, view.attributes()),
        act: (given) => change("PATCH", person, given, "Changed in Attio.") });
      byId("field-text").select();
    },
    clear: (person) => ask({
      title: `Clear the Polar id of ${nameOf(person)}?`, confirm: "Clear",
      text: "As a person in Attio would. The sync then knows the person by address alone.",
      act: () => change("PATCH", person, { attribute: "polar_customer_id", text: "" }, "Polar id cleared."),
    }),
    delete: (person) => ask({
      title: `Delete ${nameOf(person)}?`, text: "As a person in Attio would; the record is gone for good.",
      confirm: "Delete", danger: true,
      act: () => change("DELETE", person, undefined, "Deleted in Attio."),
    }),
    ...merging(view),
  };
}

/** Adds a customer or a person, and selects it. */
export function addOne(view, noun) {
  const isCustomer = noun === "customer";
  const fields = [{ name: "name", label: "Name" }, { name: "email", label: "Address" }];
  if (isCustomer) fields.push({ name: "external_id", label: "External id", hint: "Optional: the id in your own product." });
  ask({
    title: `Add ${noun}`, confirm: "Add", fields,
    act: async (given) => {
      const filled = Object.fromEntries(Object.entries(given).filter(([, text]) => text));
      const { id } = await send("POST", isCustomer ? "page/customers" : "page/people", filled);
      view.say(`Added in ${isCustomer ? "Polar" : "Attio"}.`);
      await view.select(noun, id);
    },
  });
}

function changer(view, path) {
  return async (method, item, given, done) => {
    await send(method, path(item), given);
    view.say(done);
    await view.refresh();
  };
}

function editFields(person, attributes) {
  const held = (slug) => person.fields.find((field) => field.slug === slug)?.text ?? "";
  const fill = (event) => { byId("field-text").value = held(event.target.value); };
  return [
    {
      name: "attribute", label: "Attribute", value: "name", onchange: fill,
      options: attributes.map(({ slug, title }) => ({ value: slug, label: title })),
    },
    { name: "text", label: "Value", value: held("name"), hint: "Empty clears it. Several addresses with commas between." },
    {
      name: "actor", label: "Written by", value: "workspace-member",
      options: [
        { value: "workspace-member", label: "A person of the team" },
        { value: "system", label: "Attio’s enrichment" },
      ],
    },
  ];
}

/** Merging takes two choices: the person who stays, then, from the list, the one who goes into it. */
function merging(view) {
  let primary = null;
  function stop() {
    primary = null;
    byId("merging").hidden = true;
  }
  function start(person) {
    primary = person;
    byId("merging").hidden = false;
    byId("merging").querySelector("span").textContent = `Choose who goes into ${nameOf(person)}.`;
    byId("people-search").focus();
  }
  function choose(secondary) {
    if (!primary || primary.id === secondary.id) return false;
    const kept = primary;
    stop();
    ask({
      title: "Merge two people", confirm: "Merge",
      text: `${nameOf(secondary)} goes into ${nameOf(kept)}. Attio makes a new record; both old ids are gone.`,
      act: async () => {
        const { id } = await send("POST", `page/people/${kept.id}/merge`, { secondary: secondary.id });
        view.say("Merged in Attio.");
        await view.select("person", id);
      },
    });
    return true;
  }
  byId("stop-merging").onclick = stop;
  document.addEventListener("keydown", (event) => event.key === "Escape" && stop());
  return { merge: start, choose };
}
