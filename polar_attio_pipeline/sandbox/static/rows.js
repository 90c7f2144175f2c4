// What a customer and a person look like.

import { amount, billing, words } from "./billing.js";
import { bdi, make, time } from "./dom.js";
import { outcomeChip, outcomeFact } from "./pipeline.js";

const STATES = { in: "in Attio", differs: "differs", absent: "not there yet" };
const AUTHORS = {
  "api-token": { short: "API", long: "the API" },
  "workspace-member": { short: "typed", long: "a person" },
  system: { short: "enriched", long: "Attio’s enrichment" },
};

export function customerRow(customer, isOpen, actions) {
  const { owner } = customer;
  return row(customer, isOpen, actions, {
    name: customer.name,
    badge: make("span", { class: `badge ${customer.state}` }, STATES[customer.state]),
    line: [
      customer.email ? bdi(customer.email) : owner ? ["owner ", bdi(owner.email)] : "no address",
      customer.type === "team" && make("span", { class: "chip" }, "team"),
      statuses(customer).map((status) => make("span", { class: `chip status-${status}` }, status.replaceAll("_", " "))),
      customer.state === "absent" && outcomeChip(customer),
      customer.broken && make("span", { class: "chip bad" }, "breaks its page"),
      time(customer.created_at),
    ],
    details: [
      facts([
        ["Polar id", code(customer.id)],
        ["External id", customer.external_id && code(customer.external_id)],
        ["Owner", owner && bdi([owner.name, owner.email].filter(Boolean).join(", "))],
        ["Country", customer.country],
        ["Last outcome", outcomeFact(customer, actions.pipeline)],
        ...customer.notes.map((note) => [customer.state === "differs" ? "Differs" : "Note", bdi(note)]),
      ]),
      billing(customer, actions),
      buttons([
        ["Rename", "rename"],
        !owner && ["Change address", "remail"],
        ["Subscribe", "subscribe"],
        ["Buy once", "buy"],
        ["Delete", "delete", "danger"],
      ], customer, actions),
    ],
  });
}

/** The statuses of a customer's subscriptions that run, each once. */
function statuses(customer) {
  return [...new Set(customer.subscriptions.filter((row) => row.can.length).map((row) => row.status))];
}

export function personRow(person, isOpen, actions) {
  const author = AUTHORS[person.name_by];
  const custom = person.fields.filter((field) => !["name", "email_addresses"].includes(field.slug));
  return row(person, isOpen, actions, {
    name: person.name,
    badge: make("span", { class: "badges" },
      author && make("span", { class: `chip by-${person.name_by}`, title: `The name was written by ${author.long}` },
        make("span", { class: "unseen" }, "name "), author.short),
      person.is_customer && make("span", { class: "badge mark" }, "Polar customer")),
    line: [
      person.emails.length ? bdi(person.emails.join(", ")) : "no address",
      person.billing.map((held) => make("span", { class: `chip held ${held.slug}`, title: words(held.slug) }, billed(held))),
      person.company && make("span", { class: "chip" }, bdi(person.company)),
      time(person.created_at),
    ],
    details: [
      facts([
        ["Record id", code(person.id)],
        ["Polar id", person.polar_id ? null : make("em", {}, "none")],
        ...custom.map((field) => [field.title, value(field)]),
        ["Created by", AUTHORS[person.created_by]?.long ?? person.created_by],
        ["Address in Attio", make("a", { href: new URL(person.url).pathname }, new URL(person.url).pathname)],
      ]),
      buttons([
        ["Edit", "edit"],
        person.polar_id && ["Clear Polar id", "clear"],
        ["Merge", "merge"],
        ["Delete", "delete", "danger"],
      ], person, actions),
    ],
  });
}

function row(item, isOpen, actions, { name, badge, line, details }) {
  const panel = `panel-${item.id}`;
  return make("li", { class: isOpen ? "row open" : "row" },
    make("button", {
      type: "button", class: "summary", "data-action": "select", "aria-expanded": String(isOpen),
      "aria-controls": isOpen ? panel : null, onclick: () => actions.select(item),
    },
    make("span", { class: "first" }, name ? bdi(name, "name") : make("span", { class: "name none" }, "no name"), badge),
    make("span", { class: "second" }, line)),
    isOpen && make("div", { class: "details", id: panel }, details));
}

function facts(pairs) {
  const shown = pairs.filter(([, content]) => content);
  return make("dl", {}, shown.map(([term, content]) => make("div", {}, make("dt", {}, term), make("dd", {}, content))));
}

function buttons(listed, item, actions) {
  return make("div", { class: "buttons" }, listed.filter(Boolean).map(([label, action, className]) =>
    make("button", { type: "button", class: className, "data-action": action, onclick: () => actions[action](item) },
      label)));
}

/** A billing attribute of a person. */
function billed({ value, currency }) {
  return currency ? `${amount(value, currency)}/mo` : bdi(value);
}

const code = (text) => make("code", {}, text);

function value(field) {
  const author = AUTHORS[field.by];
  const text = field.currency ? amount(Number(field.text), field.currency) : field.text;
  const shown = /^https?:/.test(text) ? code(text) : bdi(text);
  return [shown, author && field.by !== "api-token" && make("span", { class: `chip by-${field.by}` }, author.short)];
}
