"use strict";
// Shows the document that `flink-agents trace --format json` describes. Texts of a log become text nodes only, never markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = (() => {
    const text = $("data").textContent;
    // Numbers of 64 bits stay what they are in the log, in browsers that can; to look at each is slow, and seldom needed.
    const exact = (name, value, { source }) => typeof value === "number" && source.length > 15 && String(value) !== source ? JSON.rawJSON(source) : value;
    return JSON.parse(text, JSON.rawJSON && /\d{16}/.test(text) ? exact : undefined);
  })();
  $("data").textContent = "";

  const STATUS = {
    failed: ["✖", "failed", "an action failed, and was not done again"],
    unfinished: ["◔", "unfinished", "something began, and no end of it is in the logs"],
    problems: ["▲", "with problems", "something failed on the way, and the run went on"],
    "no-output": ["○", "no output", "nothing left the agent; the logs do not say whether an action failed"],
    done: ["●", "done", "all went well"],
    unlinked: ["?", "unlinked", "events that do not say where they came from, as in logs of 0.3.1"],
  };
  const RANK = Object.keys(STATUS);
  const ROW = 58;

  function el(tag, props, ...children) {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (value === undefined || value === null || value === false) continue;
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (name === "class") node.className = value;
      else if (name === "text") node.textContent = value;
      else node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return node;
  }

  // Times

  let utc = true;
  const two = (n) => String(n).padStart(2, "0");
  function parts(ms) {
    const d = new Date(ms);
    return utc
      ? [d.getUTCFullYear(), d.getUTCMonth() + 1, d.getUTCDate(), d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds(), d.getUTCMilliseconds()]
      : [d.getFullYear(), d.getMonth() + 1, d.getDate(), d.getHours(), d.getMinutes(), d.getSeconds(), d.getMilliseconds()];
  }
  function day(ms) { const p = parts(ms); return `${p[0]}-${two(p[1])}-${two(p[2])}`; }
  function clock(ms) { const p = parts(ms); return `${two(p[3])}:${two(p[4])}:${two(p[5])}`; }
  function full(ms) { return `${day(ms)} ${clock(ms)}.${String(parts(ms)[6]).padStart(3, "0")}${utc ? " UTC" : ""}`; }
  function field(ms) { return `${day(ms)}T${clock(ms)}`; }
  function fromField(text) { return text ? Date.parse(utc ? text + "Z" : text) : null; }
  function length(ms) {
    if (ms === 0) return "0 ms";
    if (ms < 1) return `${Math.round(ms * 1000)} µs`;
    if (ms < 10) return `${ms.toFixed(1)} ms`;
    if (ms < 1000) return `${Math.round(ms)} ms`;
    if (ms < 60e3) return `${(ms / 1e3).toFixed(ms < 10e3 ? 2 : 1)} s`;
    if (ms < 3600e3) return `${Math.floor(ms / 60e3)} min ${Math.floor(ms / 1e3) % 60} s`;
    return `${Math.floor(ms / 3600e3)} h ${Math.floor(ms / 60e3) % 60} min`;
  }

  // What is needed to choose and order runs

  const shortClass = (name) => (name || "").replace(/^.*[.$](?=[^.$]+$)/, "");
  const firstLine = (text) => (text || "").split("\n", 1)[0];
  for (const run of data.runs) {
    run.time = Date.parse(run.start);
    // Of several failures the one inside is the cause, and the action's the consequence.
    const failed = run.executions.filter((e) => e.status === "failed");
    run.cause = failed.find((e) => e.kind !== "action" && run.status !== "failed") || failed.filter((e) => e.kind === "action").pop() || failed[0];
    run.errorName = run.cause ? `${shortClass(run.cause.errorType) || run.cause.problem || "failure"} in ${run.cause.name}` : "";
    run.names = new Set();
    for (const e of run.events) run.names.add("event " + e.type);
    for (const e of run.events) if (e.action) run.names.add("action " + e.action);
    for (const e of run.executions) run.names.add(e.kind + " " + e.name);
  }
  function haystack(run) {
    if (run.hay === undefined) {
      const words = [run.id, run.key, run.agent, run.job, run.status];
      for (const e of run.events) words.push(e.id, e.type, e.action, e.cut, e.attributes ? JSON.stringify(e.attributes) : "");
      for (const e of run.executions) words.push(e.id, e.kind, e.name, e.errorType, e.errorMessage, e.problem, e.metadata ? JSON.stringify(e.metadata) : "");
      run.hay = words.filter(Boolean).join("\n").toLowerCase();
    }
    return run.hay;
  }

  const filter = { statuses: new Set(), find: "", error: "", type: "", from: null, to: null, order: "worst" };
  let shown = [];
  let chosen = null;

  const ORDER = {
    worst: (a, b) => RANK.indexOf(a.status) - RANK.indexOf(b.status) || b.time - a.time,
    new: (a, b) => b.time - a.time,
    old: (a, b) => a.time - b.time,
    long: (a, b) => b.ms - a.ms,
  };

  function fits(run, but) {
    return (but === "status" || !filter.statuses.size || filter.statuses.has(run.status))
      && (but === "error" || !filter.error || run.errorName === filter.error)
      && (but === "type" || !filter.type || run.names.has(filter.type))
      && (but === "time" || ((filter.from === null || run.time + run.ms >= filter.from) && (filter.to === null || run.time <= filter.to)))
      && (!filter.find || filter.find.split(/\s+/).every((word) => haystack(run).includes(word)));
  }

  function apply() {
    shown = data.runs.filter((run) => fits(run)).sort(ORDER[filter.order]);
    const active = filter.statuses.size || filter.find || filter.error || filter.type || filter.from !== null || filter.to !== null;
    const left = data.summary.chosen - data.summary.shown;
    $("count").textContent = active ? `${shown.length.toLocaleString("en")} of ${data.runs.length.toLocaleString("en")} runs` : `${shown.length.toLocaleString("en")} runs`;
    if (left > 0) $("count").textContent += ` (${left.toLocaleString("en")} more in the logs)`;
    $("clear").hidden = !active;
    for (const id of ["find", "type", "from", "to"]) $(id).classList.toggle("on", Boolean($(id).value));
    drawStatuses();
    drawErrors();
    drawTypes();
    drawHistogram();
    $("spacer").style.height = `${shown.length * ROW}px`;
    drawn.clear();
    $("list").replaceChildren($("spacer"));
    drawList();
    if (!shown.includes(chosen)) choose(shown[0] || null);
    else show(shown.indexOf(chosen));
  }

  // Status, error and type

  function drawStatuses() {
    const counts = {};
    for (const run of data.runs) if (fits(run, "status")) counts[run.status] = (counts[run.status] || 0) + 1;
    const there = new Set(data.runs.map((run) => run.status));
    const had = document.activeElement && document.activeElement.dataset.status;
    $("statuses").replaceChildren(...RANK.filter((status) => there.has(status)).map((status) => {
      const button = el("button", { class: status, "data-status": status, "aria-pressed": String(filter.statuses.has(status)), title: STATUS[status][2], onclick: () => {
        if (!filter.statuses.delete(status)) filter.statuses.add(status);
        apply();
      } }, el("span", { class: `mark ${status}`, "aria-hidden": "true", text: STATUS[status][0] }), el("b", { text: (counts[status] || 0).toLocaleString("en") }), STATUS[status][1]);
      return button;
    }));
    if (had) $("statuses").querySelector(`[data-status="${had}"]`)?.focus();
  }

  function counted(but, values) {
    const counts = new Map();
    for (const run of data.runs) if (fits(run, but)) for (const value of values(run)) counts.set(value, (counts.get(value) || 0) + 1);
    if (filter[but] && !counts.has(filter[but])) counts.set(filter[but], 0);
    return counts;
  }

  let allErrors = false;
  function drawErrors() {
    const counts = [...counted("error", (run) => run.errorName ? [run.errorName] : [])].sort((a, b) => b[1] - a[1]);
    const few = allErrors ? counts.slice(0, 200) : counts.filter(([name], at) => at < 3 || name === filter.error);
    const had = document.activeElement && document.activeElement.dataset.error;
    const rows = few.map(([name, count]) => el("button", { "data-error": name, "aria-pressed": String(filter.error === name), title: `Only runs with ${name}`, onclick: () => {
      filter.error = filter.error === name ? "" : name;
      apply();
    } }, el("b", { text: count.toLocaleString("en") }), el("span", { text: name })));
    const rest = counts.length - few.length;
    if (rest > 0 || allErrors) rows.push(el("button", { class: "more", text: allErrors ? "fewer" : `${rest} more kind${rest === 1 ? "" : "s"} of errors`, onclick: () => { allErrors = !allErrors; drawErrors(); } }));
    $("errors").replaceChildren(...rows);
    $("errors").hidden = !rows.length;
    if (had) [...$("errors").children].find((row) => row.dataset.error === had)?.focus();
  }

  function drawTypes() {
    const sorted = [...counted("type", (run) => run.names)].sort((a, b) => a[0].localeCompare(b[0])).slice(0, 1000);
    $("type").replaceChildren(el("option", { value: "", text: "any" }), ...sorted.map(([value, count]) => el("option", { value, text: `${value} (${count})` })));
    $("type").value = filter.type;
  }

  // Runs over time

  const first = data.runs.reduce((least, run) => Math.min(least, run.time), Infinity);
  const last = data.runs.reduce((most, run) => Math.max(most, run.time), -Infinity);
  const BUCKETS = 60;
  const span = Math.max(last - first, 1);
  const bucketOf = (time) => Math.min(BUCKETS - 1, Math.max(0, Math.floor((time - first) / span * BUCKETS)));

  function drawHistogram() {
    if (!data.runs.length) return;
    const bad = new Array(BUCKETS).fill(0), good = new Array(BUCKETS).fill(0);
    for (const run of data.runs) if (fits(run, "time")) (run.status === "failed" ? bad : good)[bucketOf(run.time)]++;
    const most = Math.max(...bad.map((n, i) => n + good[i]), 1);
    const height = (n) => n ? `${Math.max(2, n / most * 42)}px` : "0";
    $("histogram").replaceChildren(...bad.map((n, i) => {
      const from = first + i * span / BUCKETS, to = from + span / BUCKETS;
      const out = (filter.from !== null && to < filter.from) || (filter.to !== null && from > filter.to);
      const good_ = el("i"), bad_ = el("i", { class: "bad" });
      good_.style.height = height(good[i]);
      bad_.style.height = height(n);
      return el("div", { class: out ? "out" : "", title: `${full(from)}: ${n + good[i]} runs, ${n} failed` }, good_, bad_);
    }));
    $("first-time").textContent = full(first).replace(/\.\d+/, "");
    $("last-time").textContent = (day(first) === day(last) ? clock(last) : full(last).replace(/\.\d+/, ""));
  }

  let dragFrom = null;
  const bucketAt = (event) => {
    const box = $("histogram").getBoundingClientRect();
    return Math.min(BUCKETS - 1, Math.max(0, Math.floor((event.clientX - box.left) / box.width * BUCKETS)));
  };
  const mark = (a, b) => [...$("histogram").children].forEach((bar, i) => bar.classList.toggle("drag", i >= Math.min(a, b) && i <= Math.max(a, b)));
  $("histogram").addEventListener("pointerdown", (event) => {
    if (!data.runs.length) return;
    dragFrom = bucketAt(event);
    $("histogram").setPointerCapture(event.pointerId);
    mark(dragFrom, dragFrom);
  });
  $("histogram").addEventListener("pointermove", (event) => { if (dragFrom !== null) mark(dragFrom, bucketAt(event)); });
  $("histogram").addEventListener("pointercancel", () => { dragFrom = null; drawHistogram(); });
  $("histogram").addEventListener("pointerup", (event) => {
    if (dragFrom === null) return;
    const to = bucketAt(event), a = Math.min(dragFrom, to), b = Math.max(dragFrom, to);
    dragFrom = null;
    filter.from = Math.floor((first + a * span / BUCKETS) / 1000) * 1000;
    filter.to = Math.ceil((first + (b + 1) * span / BUCKETS) / 1000) * 1000;
    drawTimes();
    apply();
  });
  function drawTimes() {
    $("from").value = filter.from === null ? "" : field(filter.from);
    $("to").value = filter.to === null ? "" : field(filter.to);
  }

  // The list: only the rows that are seen are there

  const drawn = new Map();
  function drawList() {
    const list = $("list");
    const from = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
    const to = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
    for (const [at, node] of drawn) if (at < from || at >= to) { node.remove(); drawn.delete(at); }
    for (let at = from; at < to; at++) {
      if (drawn.has(at)) continue;
      const node = drawRun(shown[at], at);
      drawn.set(at, node);
      list.append(node);
    }
  }
  const title = (run) => run.key !== undefined ? run.key : run.status === "unlinked" ? "Events without lineage" : run.id;
  function sentence(run) {
    const error = run.cause ? `${run.errorName}: ${firstLine(run.cause.errorMessage)}` : "";
    if (run.status === "unfinished") {
      const open = run.executions.filter((e) => e.status === "unfinished").map((e) => e.name);
      return `no end of ${[...new Set(open)].join(", ")}${error && `; ${error}`}`;
    }
    if (error) return error;
    // Without a key it is the input that people know.
    const input = run.key === undefined && run.events[0] && run.events[0].attributes;
    if (input) return JSON.stringify(input.input === undefined ? input : input.input).slice(0, 200);
    const actions = [...new Set(run.events.map((e) => e.action).filter(Boolean))];
    return (run.reused ? `${run.reused} replayed · ` : "") + (actions.join(" → ") || run.events.map((e) => e.type).slice(0, 3).join(", "));
  }
  function drawRun(run, at) {
    const node = el("div", {
      class: `run ${run.status}`, role: "option", id: `run-${at}`, "aria-selected": String(run === chosen), "aria-setsize": shown.length, "aria-posinset": at + 1,
      onclick: () => choose(run),
    },
    el("div", { class: "line" }, el("span", { class: `mark ${run.status}`, "aria-hidden": "true", text: STATUS[run.status][0] }), el("span", { class: "sr", text: STATUS[run.status][1] }),
      el("span", { class: `name${run.key === undefined && run.id ? " mono" : ""}`, text: title(run) }), el("span", { class: "when", title: full(run.time), text: clock(run.time) })),
    el("div", { class: "line" }, el("span", { class: "mark" }), el("span", { class: "sub", text: sentence(run) }), el("span", { class: "took", text: length(run.ms) })));
    node.style.top = `${at * ROW}px`;
    return node;
  }
  function show(at) {
    const list = $("list");
    if (at < 0) return;
    if (at * ROW < list.scrollTop) list.scrollTop = at * ROW;
    else if ((at + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * ROW - list.clientHeight;
    drawList();
  }
  function choose(run) {
    chosen = run;
    for (const [at, node] of drawn) node.setAttribute("aria-selected", String(shown[at] === run));
    const at = shown.indexOf(run);
    $("list").setAttribute("aria-activedescendant", at < 0 ? "" : `run-${at}`);
    show(at);
    if (run && run.id) history.replaceState(null, "", `#${encodeURIComponent(run.id)}`);
    drawDetail();
  }
  function step(by) {
    if (!shown.length) return;
    const at = shown.indexOf(chosen);
    choose(shown[Math.min(shown.length - 1, Math.max(0, at + by))]);
  }
  function stepFailed(by) {
    for (let at = shown.indexOf(chosen) + by; at >= 0 && at < shown.length; at += by) {
      if (shown[at].status === "failed") return choose(shown[at]);
    }
  }

  // The tree of a run

  function build(run) {
    const events = run.events.map((event) => ({ kind: "event", event, at: event.at, label: event.type, children: [], actions: new Map() }));
    const executions = run.executions.map((execution) => ({ kind: execution.kind, execution, at: execution.at, label: execution.name, status: execution.status, children: [] }));
    const roots = [];
    const attempts = (parent, name) => {
      if (!parent.actions.has(name)) parent.actions.set(name, []);
      return parent.actions.get(name);
    };
    for (const node of executions) {
      const execution = node.execution;
      if (execution.parent !== undefined && executions[execution.parent]) executions[execution.parent].children.push(node);
      else if (execution.trigger !== undefined && execution.kind === "action") attempts(events[execution.trigger], execution.name).push(node);
      else if (execution.trigger !== undefined) events[execution.trigger].children.push(node);
      else roots.push(node);
    }
    for (const node of events) {
      const { parent, action } = node.event;
      if (parent === undefined) { roots.push(node); continue; }
      const tries = attempts(events[parent], action || "?");
      if (!tries.length) tries.push({ kind: "action", at: events[parent].at, label: action || "?", guess: true, children: [] });
      // Of several attempts the one under way when the event was sent.
      const owner = tries.filter((attempt) => attempt.at <= node.at).pop() || tries[0];
      owner.children.push(node);
      if (owner.guess) owner.until = Math.max(owner.until || 0, node.at);
    }
    for (const node of events) {
      for (const tries of node.actions.values()) {
        const begun = tries.filter((attempt) => attempt.status !== "reused");
        if (begun.length > 1) begun.forEach((attempt, at) => { attempt.attempt = `${at + 1} of ${begun.length}`; });
        node.children.push(...tries);
      }
    }
    for (const node of [...events, ...executions]) node.children.sort((a, b) => a.at - b.at);
    return roots.sort((a, b) => a.at - b.at);
  }

  let rows = [];
  let picked = null;

  function drawDetail() {
    const pane = $("detail");
    const run = chosen;
    picked = null;
    if (!run) {
      pane.replaceChildren(el("div", { class: "empty" }, el("p", { text: data.runs.length ? "No run fits the filters." : "There are no runs in these logs." }),
        data.runs.length ? el("button", { text: "Clear filters", onclick: clear }) : ""));
      return;
    }
    const fact = (name, value, mono) => value === undefined || value === "" ? "" : el("span", {}, `${name} `, el("b", { class: mono ? "mono" : "", text: value }));
    const head = el("div", { class: "head" },
      el("div", { class: "title" }, el("span", { class: `pill ${run.status}`, title: STATUS[run.status][2], text: `${STATUS[run.status][0]} ${STATUS[run.status][1]}` }),
        el("h2", { text: run.key === undefined ? title(run) : `Key ${run.key}` })),
      el("div", { class: "facts" }, fact("started", full(run.time)), fact("took", length(run.ms)), fact("agent", run.agent), fact("replayed actions", run.reused || ""),
        fact("events logged again", run.replayed || ""), fact("input", run.id, true), fact("job", run.job, true), fact("task", run.task), fact("subtask", run.subtask),
        run.traced ? "" : el("span", { text: "no execution records (event-log.trace.enabled): dashed times are at least" }),
        run.omitted ? el("span", { text: `${run.omitted} more events and executions are left out here; --format json has them` }) : ""));
    const parts = [head];
    const cause = run.cause;
    if (cause) {
      parts.push(el("div", { class: `alert${run.status === "failed" ? "" : " mild"}`, role: "button", tabindex: "0", title: "Show it in the tree", onclick: () => pickExecution(cause), onkeydown: (event) => { if (event.key === "Enter") pickExecution(cause); } },
        el("div", { class: "what", text: `${cause.kind} ${cause.name} failed at +${length(cause.at + (cause.ms || 0))}${cause.problem ? ` · ${cause.problem.replaceAll("_", " ")}` : ""}` }),
        el("div", { class: "message", text: [cause.errorType, cause.errorMessage].filter(Boolean).join(": ") || "The log does not say why." })));
    }
    const tree = el("div", { class: "tree", id: "tree", role: "tree", "aria-label": "Events and actions", tabindex: "-1" });
    const ticks = el("span", { class: "ticks" });
    for (const share of [0, .5, 1]) {
      const tick = el("span", { text: share ? length(run.ms * share) : "0" });
      tick.style.left = `${share * 100}%`;
      ticks.append(tick);
    }
    tree.append(el("div", { class: "axis", role: "presentation" }, el("span", { text: "Event, action" }), el("span", { class: "length" }), ticks));
    rows = [];
    const stack = build(run).reverse().map((node) => [node, 1, null]);
    while (stack.length) {
      const [node, depth, above] = stack.pop();
      node.depth = depth;
      node.above = above;
      node.open = true;
      node.row = drawRow(run, node);
      rows.push(node);
      tree.append(node.row);
      for (const child of [...node.children].reverse()) stack.push([child, depth + 1, node]);
    }
    parts.push(el("div", { class: "panes" }, tree, el("div", { class: "inspect", id: "inspect", "aria-live": "polite" })));
    pane.replaceChildren(...parts);
    const open = run.status === "unfinished" && rows.find((node) => node.status === "unfinished");
    const start = open || (cause && rows.find((node) => node.execution === cause)) || rows[0];
    if (start) pick(start);
  }

  function drawRow(run, node) {
    const total = Math.max(run.ms, .001);
    const place = (ms) => `${Math.min(100, Math.max(0, ms / total * 100))}%`;
    const time = el("span", { class: "time" });
    let took = "";
    if (node.kind === "event") {
      const dot = el("span", { class: "dot" });
      dot.style.left = place(node.at);
      time.append(dot);
      took = `+${length(node.at)}`;
    } else {
      const open = node.status === "unfinished";
      const ms = node.execution ? (open ? total - node.at : node.execution.ms) : node.until - node.at;
      const bar = el("span", { class: `bar ${node.kind === "action" ? "" : "inner"} ${node.guess ? "guess" : node.status}` });
      bar.style.left = place(node.at);
      bar.style.width = place(ms || 0);
      time.append(bar);
      took = open ? "" : ms === undefined ? "" : (node.guess ? "≥ " : "") + length(ms);
    }
    const badge = (text, kind) => el("span", { class: `badge ${kind}`, text });
    const label = el("span", { class: "label" },
      el("span", { class: "twist", "aria-hidden": "true", text: node.children.length ? "▾" : "" }),
      el("span", { class: "kind", text: node.kind }),
      el("span", { class: "text", title: node.label, text: node.label }),
      node.attempt ? el("span", { class: "dim", text: `attempt ${node.attempt}` }) : "",
      node.execution?.metadata?.model ? el("span", { class: "dim", text: String(node.execution.metadata.model) }) : "",
      node.status === "failed" ? badge("failed", "failed") : node.status === "reused" ? badge("replayed", "") : node.status === "unfinished" ? badge("no end", "unfinished") : "",
      node.event?.times > 1 ? badge(`logged ${node.event.times}×`, "") : "",
      node.event?.missingParent ? badge("cause not in log", "unfinished") : "");
    label.style.paddingLeft = `${8 + Math.min(node.depth - 1, 24) * 16}px`;
    const row = el("div", { class: `row ${node.kind} ${node.status || ""}`, role: "treeitem", "aria-level": node.depth, "aria-selected": "false", "aria-expanded": node.children.length ? "true" : null, tabindex: "-1",
      onclick: (event) => { if (event.target.className === "twist" && node.children.length) fold(node, !node.open); pick(node, true); } },
    label, el("span", { class: "length", text: took }), time);
    return row;
  }

  function fold(node, open) {
    if (!node.children.length) return;
    node.open = open;
    node.row.setAttribute("aria-expanded", String(open));
    node.row.querySelector(".twist").textContent = open ? "▾" : "▸";
    for (const other of rows) {
      let hidden = false;
      for (let above = other.above; above && !hidden; above = above.above) hidden = !above.open;
      other.row.hidden = hidden;
      other.row.style.display = hidden ? "none" : "";
    }
  }

  function pickExecution(execution) {
    const node = rows.find((row) => row.execution === execution);
    if (!node) return;
    for (let above = node.above; above; above = above.above) if (!above.open) fold(above, true);
    pick(node, true);
  }

  function pick(node, focus) {
    if (picked) { picked.row.setAttribute("aria-selected", "false"); picked.row.tabIndex = -1; }
    picked = node;
    node.row.setAttribute("aria-selected", "true");
    node.row.tabIndex = 0;
    if (focus) node.row.focus({ preventScroll: true });
    const tree = $("tree");
    const top = node.row.offsetTop - tree.offsetTop;
    if (top - 30 < tree.scrollTop) tree.scrollTop = top - 30;
    else if (top + 30 > tree.scrollTop + tree.clientHeight) tree.scrollTop = top + 30 - tree.clientHeight;
    inspect(node);
  }

  function inspect(node) {
    const facts = el("dl");
    const fact = (name, value, mono) => { if (value !== undefined && value !== "") facts.append(el("dt", { text: name }), el("dd", { class: mono ? "mono" : "", text: value })); };
    const parts = [el("h3", { text: node.kind === "event" ? node.label : `${node.kind} ${node.label}` }), facts];
    const at = chosen.time + node.at;
    if (node.event) {
      const event = node.event;
      fact("logged", `${full(at)} (+${length(event.at)})${event.times > 1 ? `, ${event.times} times in all: an action was replayed` : ""}`);
      fact("sent by", event.action);
      fact("caused by", event.parent !== undefined ? chosen.events[event.parent].type : event.missingParent ? `${event.missingParent}, which is not in the log` : undefined);
      fact("id", event.id, true);
      if (event.cut !== undefined) parts.push(el("p", { class: "dim", text: `The first part of ${event.bytes.toLocaleString("en")} bytes; --payload sets how much is taken.` }), payload(event.cut));
      else if (event.attributes !== undefined) parts.push(payload(event.attributes));
      else parts.push(el("p", { class: "dim", text: "It carries nothing." }));
    } else if (node.execution) {
      const execution = node.execution;
      const words = { done: "done", failed: "failed", reused: "replayed from the store: it was done before, and not done again", unfinished: "no end of it is in the logs" };
      fact("status", words[execution.status] || execution.status);
      fact("began", `${full(at)} (+${length(execution.at)})`);
      fact("took", execution.ms === undefined ? undefined : length(execution.ms));
      fact("got", execution.trigger === undefined ? undefined : chosen.events[execution.trigger].type);
      fact("problem", execution.problem && execution.problem.replaceAll("_", " "));
      fact("id", execution.id, true);
      if (execution.errorType || execution.errorMessage) parts.push(el("div", { class: "error", text: [execution.errorType, execution.errorMessage].filter(Boolean).join(":\n") }));
      const inner = node.children.filter((child) => child.status === "failed" && child.execution.errorMessage !== execution.errorMessage);
      for (const child of inner) parts.push(el("div", { class: "error", text: `${child.kind} ${child.label}: ${[child.execution.errorType, child.execution.errorMessage].filter(Boolean).join(": ")}` }));
      if (execution.metadata) parts.push(payload(execution.metadata));
      const got = execution.trigger === undefined ? undefined : chosen.events[execution.trigger];
      if (got && got.attributes !== undefined) parts.push(el("p", { class: "dim", text: `What it got: ${got.type}` }), payload(got.attributes));
    } else {
      fact("took", `at least ${length(node.until - node.at)}: the logs have events only`);
      fact("got", node.above?.label);
      if (node.above?.event?.attributes !== undefined) parts.push(el("p", { class: "dim", text: `What it got: ${node.above.label}` }), payload(node.above.event.attributes));
    }
    $("inspect").replaceChildren(...parts);
    $("inspect").scrollTop = 0;
  }

  function payload(value) {
    const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
    const code = el("pre");
    if (typeof value === "string") code.textContent = text;
    else colour(code, text);
    const copy = el("button", { text: "Copy", onclick: () => {
      const done = () => { copy.textContent = "Copied"; };
      const select = () => { getSelection().selectAllChildren(code); copy.textContent = "Selected"; };
      if (navigator.clipboard) navigator.clipboard.writeText(text).then(done, select);
      else select();
    } });
    return el("div", { class: "payload" }, code, copy);
  }
  function colour(code, text) {
    const token = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;
    let from = 0;
    for (const match of text.matchAll(token)) {
      code.append(text.slice(from, match.index));
      const word = match[1] || match[0];
      code.append(el("span", { class: match[1] ? (match[2] ? "k" : "s") : "n", text: word }));
      from = match.index + word.length;
    }
    code.append(text.slice(from));
  }

  // Inputs and keys

  function clear() {
    Object.assign(filter, { find: "", error: "", type: "", from: null, to: null });
    filter.statuses.clear();
    $("find").value = "";
    drawTimes();
    apply();
  }
  let waiting = 0;
  $("find").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { filter.find = $("find").value.trim().toLowerCase(); apply(); }, 120);
  });
  for (const id of ["type", "order"]) $(id).addEventListener("change", () => { filter[id] = $(id).value; apply(); });
  for (const id of ["from", "to"]) $(id).addEventListener("change", () => { filter[id] = fromField($(id).value); apply(); });
  $("clear").addEventListener("click", clear);
  $("list").addEventListener("scroll", drawList, { passive: true });
  addEventListener("resize", drawList);

  const dark = matchMedia("(prefers-color-scheme: dark)");
  let theme = null;
  function drawTheme() { document.documentElement.classList.toggle("dark", theme === null ? dark.matches : theme === "dark"); }
  dark.addEventListener("change", drawTheme);
  function switchTheme() { theme = document.documentElement.classList.contains("dark") ? "light" : "dark"; drawTheme(); }
  $("theme").addEventListener("click", switchTheme);
  function switchZone() {
    utc = !utc;
    drawZone();
    drawTimes();
    apply();
    drawDetail();
  }
  function drawZone() { $("zone").textContent = utc ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone || "local"; }
  $("zone").addEventListener("click", switchZone);
  $("help-button").addEventListener("click", () => $("help").showModal());
  for (const status of RANK) $("legend").append(el("dt", {}, el("span", { class: `mark ${status}`, text: STATUS[status][0] }), ` ${STATUS[status][1]}`), el("dd", { text: STATUS[status][2] }));
  if (data.warnings.length) {
    $("warnings-button").hidden = false;
    $("warnings-button").textContent = `${data.warnings.length} warning${data.warnings.length === 1 ? "" : "s"}`;
    $("warnings-button").addEventListener("click", () => $("warnings").showModal());
    $("warning-list").append(...data.warnings.map((warning) => el("li", {}, el("b", { class: "mono", text: warning.code }), ` ${warning.text}`)));
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const target = event.target;
    const typing = target.matches("input, select, textarea");
    if (event.key === "Escape") {
      $("list").focus();
      event.preventDefault();
      return;
    }
    if (target === $("find") && (event.key === "Enter" || event.key === "ArrowDown")) {
      $("list").focus();
      event.preventDefault();
      return;
    }
    if (typing) return;
    const inTree = target.closest("#tree");
    const move = (by) => {
      if (!inTree) return step(by);
      const seen = rows.filter((row) => row.row.style.display !== "none");
      pick(seen[Math.min(seen.length - 1, Math.max(0, seen.indexOf(picked) + by))], true);
    };
    const page = Math.max(1, Math.floor($("list").clientHeight / ROW) - 1);
    const keys = {
      ArrowDown: () => move(1), j: () => move(1), ArrowUp: () => move(-1), k: () => move(-1),
      PageDown: () => move(page), PageUp: () => move(-page), Home: () => move(-1e9), End: () => move(1e9),
      n: () => stepFailed(1), p: () => stepFailed(-1),
      "/": () => { $("find").focus(); $("find").select(); }, x: clear, t: switchTheme, z: switchZone, "?": () => $("help").showModal(),
      ArrowRight: () => { if (inTree && picked) { if (!picked.open) fold(picked, true); else move(1); } else picked?.row.focus(); },
      ArrowLeft: () => { if (inTree && picked) { if (picked.open && picked.children.length) fold(picked, false); else if (picked.above) pick(picked.above, true); } },
    };
    if (event.key === "Enter" && target === $("list")) { picked?.row.focus(); event.preventDefault(); return; }
    const act = keys[event.key];
    if (!act || (target.matches("button") && event.key === "Enter")) return;
    event.preventDefault();
    act();
  });

  drawTheme();
  drawZone();
  const logs = data.files.length === 1 ? data.files[0].name : `${data.files.length} files`;
  $("about").textContent = `${data.summary.records.toLocaleString("en")} records, ${logs}`;
  $("about").title = data.files.map((file) => `${file.name}: ${file.records} records`).join("\n");
  function named() {
    const wanted = decodeURIComponent(location.hash.slice(1));
    return data.runs.find((run) => run.id && run.id === wanted) || null;
  }
  addEventListener("hashchange", () => { if (named() && shown.includes(named())) choose(named()); });
  chosen = named();
  apply();
  drawDetail();
  $("list").focus({ preventScroll: true });
})();
