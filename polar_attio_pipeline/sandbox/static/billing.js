// What a customer holds in Polar, and what a person can make of it.

import { send } from "./api.js";
import { ask } from "./dialogs.js";
import { bdi, make, time } from "./dom.js";

const REASONS = [
  "too_expensive", "unused", "missing_features", "switched_service", "too_complex", "low_quality", "customer_service",
  "other",
];
const LABELS = {
  renew: "Renew", cancel: "Cancel", uncancel: "Uncancel", pause: "Pause", resume: "Resume", past_due: "Fail payment",
  end_trial: "End trial", revoke: "Revoke", pay: "Pay", refund: "Refund",
};

export const words = (name) => name.replaceAll("_", " ");

const format = (currency) => new Intl.NumberFormat("en", { style: "currency", currency });

/** An amount in the currency's main unit, as Attio holds it. */
export const amount = (main, currency) => format(currency).format(main);

/** An amount in the currency's smallest unit, as Polar says it. */
function money(minor, currency) {
  return amount(minor / 10 ** format(currency).resolvedOptions().maximumFractionDigits, currency);
}

export function billingActions(view) {
  const post = async (path, given, done) => {
    await send("POST", `page/${path}`, given);
    view.say(done);
    await view.refresh();
  };
  const now = async (path, done) => {
    try {
      await post(path, {}, done);
    } catch (error) {
      view.say(error.message);
    }
  };
  return {
    subscribe: (customer) => ask({
      title: "Subscribe", confirm: "Subscribe",
      fields: [
        { name: "product", label: "Product", value: "Pro" },
        { name: "amount", label: "Price a month", type: "number", value: "2900", hint: "In the smallest unit: 2900 is 29.00." },
        { name: "currency", label: "Currency", value: "usd" },
        { name: "trial_days", label: "Days of trial", type: "number", value: "0" },
      ],
      act: (given) => post(`customers/${customer.id}/subscriptions`, given, "Subscribed in Polar."),
    }),
    buy: (customer) => ask({
      title: "Buy once", confirm: "Buy",
      fields: [
        { name: "product", label: "Product", value: "Handbook" },
        { name: "amount", label: "Price", type: "number", value: "1900", hint: "In the smallest unit: 1900 is 19.00." },
        { name: "currency", label: "Currency", value: "usd" },
      ],
      act: (given) => post(`customers/${customer.id}/orders`, given, "Bought in Polar."),
    }),
    ofSubscription: (row, action) => {
      if (action !== "cancel") return now(`subscriptions/${row.id}/${action}`, `${LABELS[action]}: done in Polar.`);
      return ask({
        title: `Cancel ${row.product}?`, text: "It runs until its period ends.", confirm: "Cancel at period end",
        fields: [{
          name: "reason", label: "Reason", value: "too_expensive",
          options: REASONS.map((reason) => ({ value: reason, label: words(reason) })),
        }],
        act: (given) => post(`subscriptions/${row.id}/cancel`, given, "Set to end in Polar."),
      });
    },
    ofOrder: (row, action) => {
      if (action !== "refund") return now(`orders/${row.id}/${action}`, "Paid in Polar.");
      return ask({
        title: `Refund ${row.product}?`, confirm: "Refund",
        fields: [{
          name: "amount", label: "Amount", type: "number", value: String(row.amount - row.refunded),
          hint: "In the smallest unit, without tax.",
        }],
        act: (given) => post(`orders/${row.id}/refund`, given, "Refunded in Polar."),
      });
    },
  };
}

/** What a customer has subscribed to and ordered, each with its buttons. */
export function billing(customer, actions) {
  const subscriptions = customer.subscriptions.map((row) => line(row, actions.ofSubscription, [
    row.interval && `${money(row.amount, row.currency)} a ${row.interval}`,
    row.ended_at ? ["ended ", time(row.ended_at)] : ["until ", make("span", {}, row.until.slice(0, 10))],
  ]));
  const orders = customer.orders.map((row) => line(row, actions.ofOrder, [
    money(row.amount, row.currency),
    row.refunded > 0 && `${money(row.refunded, row.currency)} given back`,
    time(row.created_at),
  ]));
  return [section("Subscriptions", subscriptions), section("Orders", orders)];
}

function section(title, lines) {
  return lines.length > 0 && make("section", { class: "billing" }, make("h3", {}, title), make("ul", {}, lines));
}

function line(row, act, details) {
  const facts = details.filter(Boolean).flatMap((detail) => [" · ", detail]);
  return make("li", {},
    make("span", {}, bdi(row.product), " ", make("span", { class: `chip status-${row.status}` }, words(row.status)), facts),
    make("span", { class: "buttons" }, row.can.map((action) => make("button", {
      type: "button", "data-action": `${action}-${row.id}`, onclick: () => act(row, action),
    }, LABELS[action]))));
}
