// Wires the page: what is looked at, a look every two seconds, and who is marked as whose counterpart.

import { addOne, customerActions, personActions } from "./actions.js";
import { read, RefusedError, send } from "./api.js";
import { ago, byId, flash, make, reconcile, setText } from "./dom.js";
import { showPasses } from "./pipeline.js";
import { customerRow, personRow } from "./rows.js";

const EVERY = 2000;
const STEP = 50;
const MOST = 1000;

const look = { customers: "", people: "", customers_limit: STEP, people_limit: STEP };
const view = { select, refresh, say, attributes: () => state.attributes };
const sides = {
  customers: { noun: "customer", nouns: "customers", row: customerRow, actions: customerActions(view) },
  people: { noun: "person", nouns: "people", row: personRow, actions: personActions(view) },
};
let open = fromAddress();
let pointed = null;
let state = null;
let asked = 0;
let timer = 0;

/** An address as of a person in Attio selects that person. */
function fromAddress() {
  const found = location.pathname.match(/^\/[^/]+\/person\/([^/]+)$/);
  return found ? { person: found[1] } : {};
}

async function refresh() {
  clearTimeout(timer);
  const number = ++asked;
  try {
    const answer = await read({ ...look, ...open });
    if (number !== asked) return;
    state = answer;
    show();
    setLive("live");
  } catch (error) {
    if (number === asked) setLive("lost", error);
  } finally {
    if (number === asked && !document.hidden) timer = setTimeout(refresh, EVERY);
  }
}

function setLive(name) {
  byId("live").className = `live ${name}`;
  setText(byId("live"), name === "live" ? "live" : "not answering");
}

function show() {
  for (const service of ["polar", "attio"]) showTraffic(service);
  showPasses(state.pipeline);
  showFaults();
  showTally();
  byId("set-up").hidden = state.is_set_up;
  byId("dagster").hidden = !state.dagster_url;
  if (state.dagster_url) byId("dagster").href = state.dagster_url;
  for (const side of ["customers", "people"]) showSide(side);
  mark();
  setText(byId("version"), state.version);
  setText(byId("clock"), `${state.now.slice(0, 19).replace("T", " ")} UTC`);
  const now = new Date(state.now);
  for (const element of document.querySelectorAll("time.ago")) setText(element, ago(element.dateTime, now));
}

function showSide(side) {
  const { total, rows, pinned } = state[side];
  const { noun, nouns, row, actions } = sides[side];
  const items = (pinned ? [pinned, ...rows] : rows).map((item) => ({ ...item, outcome: state.outcomes[item.id] }));
  const isOpen = (item) => open[noun] === item.id;
  const withSelect = { ...actions, pipeline: state.pipeline, select: (item) => actions.choose?.(item) || toggle(noun, item.id) };
  reconcile(byId(side), items, {
    key: (item) => item.id,
    signature: (item) => JSON.stringify([item, isOpen(item)]),
    build: (item) => row(item, isOpen(item), withSelect),
  });
  flashNews(side, items);
  const found = look[side].trim() ? " found" : "";
  const all = `${total.toLocaleString("en")} ${total === 1 ? noun : nouns}${found}`;
  setText(byId(`${side}-count`), rows.length < total ? `newest ${rows.length} of ${all}` : all);
  byId(`${side}-more`).hidden = rows.length >= total || look[`${side}_limit`] >= MOST;
}

/** Flashes what is new or has changed since the last look, if that look was the same. */
function flashNews(side, items) {
  const own = sides[side];
  const scope = JSON.stringify([look[side], look[`${side}_limit`]]);
  const seen = new Map(items.map((item) => [item.id, JSON.stringify(item)]));
  if (own.scope === scope) {
    for (const element of byId(side).children) {
      const id = element.dataset.key;
      if (own.seen.get(id) !== seen.get(id) && (own.seen.has(id) || state[side].total !== own.total)) flash(element);
    }
  }
  Object.assign(own, { scope, seen, total: state[side].total });
}

function showTraffic(service) {
  const { requests, writes, refused, most_in_flight: atOnce } = state.traffic[service];
  const parts = [
    { name: requests === 1 ? "request" : "requests", count: requests },
    { name: writes === 1 ? "write" : "writes", count: writes },
    { name: "× 429", count: refused, className: refused ? "bad" : null },
    { name: "at once at most", count: atOnce },
  ];
  reconcile(byId(`${service}-traffic`), parts, {
    key: (part) => String(parts.indexOf(part)),
    signature: JSON.stringify,
    build: ({ name, count, className }) =>
      make("span", { class: className }, make("b", {}, count.toLocaleString("en")), ` ${name}`),
  });
}

function showFaults() {
  reconcile(byId("switches"), state.switches, {
    key: ({ name }) => name,
    signature: JSON.stringify,
    build: ({ name, title, on }) => make("button", {
      type: "button", role: "switch", "aria-checked": String(on), "data-action": name,
      onclick: () => attempt("PUT", `page/switches/${name}`, { on: !on }),
    }, title),
  });
  reconcile(byId("other-faults"), state.other_faults, {
    key: ({ number }) => String(number),
    signature: JSON.stringify,
    build: ({ number, kind, service, contains, times }) => make("button", {
      type: "button", class: "fault", title: "Switch it off", "data-action": String(number),
      onclick: () => attempt("DELETE", `faults/${number}`),
    }, [kind.replaceAll("_", " "), service ?? "both", contains && `“${contains}”`, times && `${times} left`]
      .filter(Boolean).join(" · "), " ✕"),
  });
}

function showTally() {
  const labels = { in: "in Attio", differs: "differ", absent: "not there yet" };
  byId("tally").hidden = !state.tally || !state.customers.total;
  const parts = Object.entries(state.tally ?? {}).map(([name, count]) => ({ name, count }));
  reconcile(byId("tally"), parts, {
    key: ({ name }) => name,
    signature: JSON.stringify,
    build: ({ name, count }) => {
      const part = make("span", { class: name, hidden: !count }, make("b", {}, count.toLocaleString("en")), ` ${labels[name]}`);
      part.style.flexGrow = count;
      return part;
    },
  });
}

async function startPass() {
  byId("start-pass").disabled = true;
  try {
    await send("POST", "page/passes", {});
    say("A pass over all customers was started.");
    await refresh();
  } catch (error) {
    say(error instanceof RefusedError ? error.message : "The sandbox does not answer.");
  } finally {
    byId("start-pass").disabled = false;
  }
}

async function attempt(method, path, given) {
  try {
    await send(method, path, given);
  } catch (error) {
    say(error.message);
  }
  await refresh();
}

function say(text) {
  setText(byId("toast"), text);
  byId("toast").classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => byId("toast").classList.remove("shown"), 5000);
}

function toggle(noun, id) {
  if (open[noun] !== id) return select(noun, id);
  open = {};
  return refresh();
}

/** Opens a row, and brings it and its counterpart into view. */
async function select(noun, id) {
  open = { [noun]: id };
  await refresh();
  for (const side of ["customers", "people"]) byId(side).querySelector(".linked")?.scrollIntoView({ block: "nearest" });
}

/** Marks the row under the pointer or the focus and its counterpart; else those that are selected. */
function mark() {
  const marked = pointed ?? state.selected;
  for (const [side, id] of [["customers", marked.customer], ["people", marked.person]]) {
    for (const element of byId(side).children) element.classList.toggle("linked", element.dataset.key === id);
  }
}

function point(side, event) {
  const id = event.target.closest("li")?.dataset.key;
  const item = [...state[side].rows, state[side].pinned].find((candidate) => candidate?.id === id);
  if (!item) return;
  pointed = side === "customers" ? { customer: id, person: item.person } : { customer: item.customer, person: id };
  mark();
}

function unpoint() {
  pointed = null;
  mark();
}

/** Moves between the rows with the arrow keys. */
function walk(event) {
  const step = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[event.key];
  const target = step && event.target.closest("li")?.[step]?.querySelector(".summary");
  if (!target) return;
  event.preventDefault();
  target.focus();
}

function connect() {
  byId("add-customer").onclick = () => addOne(view, "customer");
  byId("add-person").onclick = () => addOne(view, "person");
  byId("start-pass").onclick = startPass;
  for (const side of ["customers", "people"]) {
    byId(`${side}-search`).addEventListener("input", (event) => {
      look[side] = event.target.value;
      look[`${side}_limit`] = STEP;
      refresh();
    });
    byId(`${side}-more`).onclick = () => {
      look[`${side}_limit`] = Math.min(MOST, look[`${side}_limit`] + 2 * STEP);
      refresh();
    };
    const list = byId(side);
    for (const name of ["mouseover", "focusin"]) list.addEventListener(name, (event) => point(side, event));
    for (const name of ["mouseleave", "focusout"]) list.addEventListener(name, unpoint);
    list.addEventListener("keydown", walk);
  }
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

connect();
await refresh();
if (open.person) {
  await select("person", open.person);
  if (!state?.selected.person) say("This person is no longer there: deleted, or merged into another.");
}
