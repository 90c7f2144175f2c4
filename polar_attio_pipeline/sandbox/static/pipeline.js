// The pipeline: what runs, what comes, and what became of each customer.

import { words } from "./billing.js";
import { bdi, byId, make, reconcile, setText } from "./dom.js";

const link = (href, ...content) => make("a", { href, target: "_blank", rel: "noreferrer" }, ...content);

/** Shows the passes; `pipeline` is null where none is connected. */
export function showPasses(pipeline) {
  const reports = pipeline?.reports ?? [];
  byId("reports").hidden = !reports.length;
  reconcile(byId("reports-links"), reports, {
    key: ({ name }) => name, signature: JSON.stringify, build: ({ name, url }) => make("span", {}, link(url, name)),
  });
  const shown = pipeline ? items(pipeline) : [{ key: "none", text: "no pipeline is connected: polar-attio dev starts one with this page" }];
  byId("start-pass").hidden = !pipeline;
  reconcile(byId("passes"), shown, {
    key: (item) => item.key,
    signature: JSON.stringify,
    build: (item) => make("span", { class: item.className ?? "pass", title: item.title }, item.url ? link(item.url, item.text) : item.text,
      item.when && make("span", { class: "when" })),
  });
  const spans = new Map([...byId("passes").children].map((element) => [element.dataset.key, element.querySelector(".when")]));
  for (const { key, when } of shown) if (when) setText(spans.get(key), `: ${when(pipeline.now)}`);
}

function items({ due, running, problems }) {
  return [
    ...problems.map((text) => ({ key: text, text, className: "pass bad" })),
    ...running.map(({ title, since, url }) => ({
      key: url, text: title, url, className: "pass running",
      when: (now) => since ? `running for ${duration(new Date(now) - new Date(since))}` : "waiting for its turn",
    })),
    ...due.map(({ title, is_on: isOn, at, said, url }) => ({
      key: url, text: title, url, title: said ? `The newest look: ${said}` : null,
      when: (now) => isOn ? comes(at && new Date(at) - new Date(now)) : "switched off",
    })),
  ];
}

const comes = (milliseconds) => milliseconds > 500 ? `next look in ${duration(milliseconds)}` : "looking now";

function duration(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A word beside a customer that a pass left out. */
export function outcomeChip({ outcome }) {
  if (!outcome || outcome.is_written) return null;
  const kind = outcome.result === "excluded" ? "chip" : "chip bad";
  return make("span", { class: kind }, outcome.reason ? words(outcome.reason) : outcome.result);
}

/** What the last pass that had something to say about a customer said, or why there was none. */
export function outcomeFact(customer, pipeline) {
  const { outcome } = customer;
  if (!pipeline) return null;
  if (!outcome) return "no pass has come to this customer yet";
  const said = [outcome.result, outcome.reason && `: ${words(outcome.reason)}`];
  return [
    make("strong", {}, said), " · ", moment(outcome.at), outcome.url && [" · ", link(outcome.url, "run in Dagster")],
    outcome.detail && make("p", {}, bdi(outcome.detail)),
  ];
}

const moment = (at) => make("time", { datetime: at }, `${at.slice(0, 16).replace("T", " ")} UTC`);
