"use strict";
// The data of the page comes from Go (type pageData). Strings are added to the page only as text, so that names
// cannot contain markup.
const {columns, charts, rows, fit} = JSON.parse(document.getElementById("data").textContent);

const $ = (id) => document.getElementById(id);

// h creates an element. A key of props that is not a property of the element becomes an attribute.
function h(tag, props = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(props)) {
    if (key in e) e[key] = value;
    else e.setAttribute(key, value);
  }
  e.append(...children);
  return e;
}

const number = new Intl.NumberFormat("en").format;
const capital = (s) => s[0].toUpperCase() + s.slice(1);
const memory = (mib) => mib >= 10 << 20 ? (mib / (1 << 20)).toFixed(1) + " TiB" : number(Math.round(mib / 1024)) + " GiB";

// The state of the page: all rows in the selected order, and the rows that match the words and the groups chosen in
// charts.
let words = [];
let sort = {column: -1, descending: false};
let ordered = rows;
let matching = rows;
for (const chart of charts) chart.chosen = new Set();

// Filtering

// indexTexts prepares the rows for the search. The search covers only the columns that are shown, so that users can
// see every match.
function indexTexts() {
  const shown = shownColumns();
  for (const row of rows) row.text = shown.map((i) => show(row.cells[i], columns[i].kind)).join("\n").toLowerCase();
}

function update() {
  matching = [];
  const total = {cpu: 0, memory: 0, gpus: 0};
  for (const chart of charts) chart.counts = new Map();
  for (const row of ordered) {
    if (!words.every((w) => row.text.includes(w))) continue;
    const against = charts.filter((c) => c.chosen.size > 0 && !c.chosen.has(row.groups[c.of]));
    for (const chart of charts) { // a chart ignores its own filter, so that its other bars can still be chosen
      if (against.length > 1 || against.length === 1 && against[0] !== chart) continue;
      const group = row.groups[chart.of];
      chart.counts.set(group, (chart.counts.get(group) ?? 0) + 1);
    }
    if (against.length > 0) continue;
    matching.push(row);
    for (const key in total) total[key] += row[key];
  }
  for (const chart of charts) chart.draw();
  drawTotals(total);
  drawChosen();
  drawTable();
}

function choose(chart, group) {
  if (!chart.chosen.delete(group)) chart.chosen.add(group);
  update();
}

function drawTotals(total) {
  const parts = [[matching.length === 1 ? "Instance" : "Instances", number(matching.length)], ["vCPU", number(total.cpu)], ["Memory", memory(total.memory)]];
  if (rows.some((r) => r.gpus > 0)) parts.push(["GPUs", number(total.gpus)]);
  $("totals").replaceChildren(...parts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function drawChosen() {
  const chips = [];
  for (const chart of charts) {
    for (const group of chart.chosen) {
      chips.push(h("button", {className: "chip", onclick: () => choose(chart, group), "aria-label": `Remove filter ${chart.title} ${group}`},
        `${capital(chart.title)}: ${group}`, h("span", {"aria-hidden": "true"}, " ✕")));
    }
  }
  if (chips.length > 0 || words.length > 0) {
    chips.push(h("button", {id: "clear", onclick: clear}, "Clear all filters"));
  }
  const focused = $("chosen").contains(document.activeElement);
  $("chosen").replaceChildren(...chips);
  if (focused) ($("chosen").lastElementChild ?? $("search")).focus();
  const of = `${number(rows.length)} ${rows.length === 1 ? "instance" : "instances"}`;
  $("count").textContent = matching.length === rows.length ? of : `${number(matching.length)} of ${of}`;
}

function setWords(text) {
  words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const escaped = words.map((w) => w.replace(/[^\p{L}\p{N}\p{M}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`));
  marks = escaped.length > 0 ? new RegExp(`(${escaped.sort((a, b) => b.length - a.length).join("|")})`, "iu") : null;
}

function clear() {
  for (const chart of charts) chart.chosen.clear();
  $("search").value = "";
  setWords("");
  update();
  $("search").focus();
}

$("search").addEventListener("input", () => {
  setWords($("search").value);
  update();
});

document.addEventListener("keydown", (e) => {
  if (e.key === "/" && !e.target.closest("input, dialog") && !e.ctrlKey && !e.metaKey) {
    e.preventDefault();
    $("search").focus();
  }
});

// Charts

// bar returns a button that toggles the filter by its group.
function bar(chart, group, ...children) {
  const e = h("button", {className: "bar", onclick: () => choose(chart, group)}, ...children);
  e.dataset.group = group;
  return e;
}

// drawBars updates the bars of a chart to the current counts. The longest bar has the full length.
function drawBars(chart, bars, length, label) {
  const most = Math.max(...chart.counts.values(), 1);
  for (const e of bars) {
    const {group} = e.dataset;
    const n = chart.counts.get(group) ?? 0;
    const now = e.querySelector(".now");
    now.hidden = n === 0;
    now.style[length] = `${100 * n / most}%`;
    e.setAttribute("aria-pressed", chart.chosen.has(group));
    e.classList.toggle("zero", n === 0);
    e.classList.toggle("out", chart.chosen.size > 0 && !chart.chosen.has(group));
    label(e, group, n);
  }
}

// roving makes a group of buttons a single tab stop, in which the arrow keys move the focus.
function roving(container) {
  const buttons = [...container.querySelectorAll(".bar")];
  buttons.forEach((b, i) => { b.tabIndex = i === 0 ? 0 : -1; });
  container.addEventListener("keydown", (e) => {
    const step = {ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1}[e.key];
    const next = buttons[buttons.indexOf(e.target) + step];
    if (!step || !next || next.closest("[hidden]")) return;
    e.preventDefault();
    e.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

function barChart(chart) {
  const few = 7;
  const bars = chart.groups.map((group) => bar(chart, group,
    h("span", {className: "name"}, group), h("span", {className: "n"}), h("span", {className: "track"}, h("span", {className: "now"}))));
  const list = h("ul", {}, ...bars.map((e) => h("li", {}, e)));
  const open = !matchMedia("(max-width: 900px)").matches;
  const box = h("details", {className: "card chart", open}, h("summary", {}, h("h2", {}, capital(chart.title))), list);
  box.dataset.chart = chart.title;
  const rest = [...list.children].slice(few);
  if (rest.length > 1) {
    const more = h("button", {className: "more", onclick() {
      const fewer = more.getAttribute("aria-expanded") === "true";
      more.setAttribute("aria-expanded", !fewer);
      more.textContent = fewer ? `Show ${rest.length} more` : "Show fewer";
      for (const li of rest) li.hidden = fewer;
    }});
    more.setAttribute("aria-expanded", "true");
    more.click();
    box.append(more);
  }
  roving(list);
  chart.draw = () => drawBars(chart, bars, "width", (e, group, n) => {
    e.title = `${group}: ${number(n)}`;
    e.querySelector(".n").textContent = number(n);
  });
  $("charts").append(box);
}

// columnChart draws a bar for every month or year from the first to the last.
function columnChart(chart) {
  const bars = chart.groups.map((group) => bar(chart, group, h("span", {className: "now"})));
  const plot = h("div", {className: "columns"}, ...bars);
  const labels = h("div", {className: "years", "aria-hidden": "true"});
  chart.groups.forEach((group, i) => {
    const months = group.length > 4;
    if (months && i > 0 && !group.endsWith("-01") || months && i === 0 && chart.groups.slice(1, 6).some((g) => g.endsWith("-01"))) return;
    const label = h("span", {}, group.slice(0, 4));
    label.style.gridColumnStart = i + 1;
    labels.append(label);
  });
  for (const e of [plot, labels]) e.style.gridTemplateColumns = `repeat(${chart.groups.length}, minmax(0, 40px))`;
  const peak = h("p");
  const per = chart.groups[0].length > 4 ? "month" : "year";
  $("created").append(h("div", {className: "heading"}, h("h2", {}, `Created per ${per}`), peak), plot, labels);
  $("created").dataset.chart = chart.title;
  roving(plot);
  chart.draw = () => {
    drawBars(chart, bars, "height", (e, group, n) => {
      e.title = `${group}: ${number(n)} created`;
      e.setAttribute("aria-label", e.title);
    });
    const most = Math.max(...chart.counts.values(), 0);
    peak.textContent = most > 0 ? `most: ${number(most)} in ${chart.groups.find((g) => chart.counts.get(g) === most) ?? ""}` : "";
  };
}

