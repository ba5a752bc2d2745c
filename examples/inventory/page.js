"use strict";
// The page's data comes from Go (type pageData). Text gets into the page by textContent alone, so that no name is markup.
const {columns, charts, rows, fit} = JSON.parse(document.getElementById("data").textContent);

const $ = (id) => document.getElementById(id);

// h makes an element: properties, attributes where there is no property, children.
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

// What is shown: rows in the order of sort, filtered by the words and by the groups chosen in charts.
let words = [];
let sort = {column: -1, descending: false};
let ordered = rows;
let matching = rows;
for (const chart of charts) chart.chosen = new Set();

// Filtering

// indexTexts prepares each row for the search: words are looked for in what is shown, so that a match can be seen.
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
    for (const chart of charts) { // a chart counts what the other charts leave: its own bars stay to be chosen
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
  const parts = [["Instances", number(matching.length)], ["vCPU", number(total.cpu)], ["Memory", memory(total.memory)]];
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

// bar is a button that toggles the filter by its group.
function bar(chart, group, ...children) {
  const e = h("button", {className: "bar", onclick: () => choose(chart, group)}, ...children);
  e.dataset.group = group;
  return e;
}

// drawBars shows what the bars of a chart count now, the longest in full length.
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

// roving makes one tab stop of many buttons; arrows move between them.
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

// columnChart draws months or years, all from the first to the last.
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

// Table

const narrow = matchMedia("screen and (max-width: 600px)"); // then a row is a card of two lines
const rowHeight = () => narrow.matches ? 60 : 32;
const table = document.querySelector("table");
const [thead, tbody] = [table.tHead, table.tBodies[0]];
const [above, below] = [h("tr", {"aria-hidden": "true"}, h("td")), h("tr", {"aria-hidden": "true"}, h("td"))];
let live = new Map(); // the rows in the page, by index: those in view and some around them
let printing = false;
let marks = null; // matches the words of the search
const ends = charts.find((c) => c.title === "subscription ends");

const shownColumns = () => columns.flatMap((c, i) => c.shown ? [i] : []);
const show = (value, kind) => kind === "time" ? String(value).replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*/, "$1 $2") : String(value);

// measure makes columns wide enough for their texts: the page holds few rows at a time, so that the browser cannot. In words
// the widest of a hundred may be cut off; a half id or time would be of no use.
function measure() {
  const context = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(table);
  const cells = (s) => s.length + (s.match(/[^\x00-\xff]/g)?.length ?? 0);
  columns.forEach((column, i) => {
    const lengths = []; // for each, how many texts have it, and one of them
    for (const row of rows) {
      const text = show(row.cells[i], column.kind);
      (lengths[cells(text)] ??= {n: 0, text}).n++;
    }
    const samples = [];
    for (let n = 0; lengths.length > 0;) {
      const longest = lengths.pop();
      n += longest?.n ?? 0;
      if (longest && (column.kind !== "" || n > rows.length / 100)) samples.push(longest.text);
    }
    context.font = `${column.kind === "time" ? 600 : 400} ${style.fontSize} ${style.getPropertyValue(column.kind === "code" ? "--code" : "--sans")}`;
    const dot = column.name === "status" ? 16 : 0;
    const body = Math.max(0, ...samples.map((text) => context.measureText(text).width)) + dot;
    context.font = `600 ${style.fontSize} ${style.getPropertyValue("--sans")}`;
    column.width = Math.ceil(Math.max(Math.min(body, 280), context.measureText(column.title).width + 14)) + 18;
  });
}

// fitColumns leaves out those of the default columns that are empty, and the last ones that the window has no room for, until
// a column was chosen.
let automatic = fit;
const byDefault = columns.flatMap((c, i) => c.shown ? [i] : []);
const hasValues = columns.map((_, i) => rows.length === 0 || rows.some((row) => row.cells[i] !== ""));
function fitColumns() {
  if (!automatic) return false;
  const before = String(shownColumns());
  let room = $("scroller").clientWidth - 16;
  let full = false;
  byDefault.forEach((i, n) => {
    if (hasValues[i]) room -= columns[i].width;
    full ||= room < 0 && n > 0;
    columns[i].shown = hasValues[i] && (narrow.matches || !full);
  });
  drawChooser();
  return String(shownColumns()) !== before;
}

function drawHead() {
  const shown = shownColumns();
  if (narrow.matches && !printing) {
    table.style.width = "";
    table.querySelector("colgroup").replaceChildren();
    thead.replaceChildren(h("tr", {}, h("th", {scope: "col", "aria-sort": "none"}, sortMenu())));
    table.setAttribute("aria-colcount", 1);
    for (const spacer of [above, below]) spacer.firstChild.colSpan = 1;
    return;
  }
  const widths = shown.map((i, n) => columns[i].width + (n === 0 ? 8 : 0) + (n === shown.length - 1 ? 8 : 0)); // the edges
  const total = widths.reduce((sum, width) => sum + width, 0);
  table.querySelector("colgroup").replaceChildren(...widths.map((width) => {
    const col = h("col");
    col.style.width = printing ? `${100 * width / total}%` : `${width}px`;
    return col;
  }));
  table.style.width = printing ? "100%" : `${total}px`;
  thead.replaceChildren(h("tr", {}, ...shown.map((i) => {
    const order = sort.column !== i ? "none" : sort.descending ? "descending" : "ascending";
    return h("th", {scope: "col", className: columns[i].kind, "aria-sort": order},
      h("button", {onclick: () => sortBy(i), title: columns[i].title}, columns[i].title,
        h("span", {className: "arrow", "aria-hidden": "true"}, {ascending: "↑", descending: "↓", none: ""}[order])));
  })));
  table.setAttribute("aria-colcount", shown.length);
  for (const spacer of [above, below]) spacer.firstChild.colSpan = shown.length;
}

// sortMenu replaces the column heads where there is no room for them.
function sortMenu() {
  const option = (value, text) => h("option", {value, selected: value === `${sort.column}${sort.descending ? "-" : ""}`}, text);
  return h("select", {"aria-label": "Sort by", onchange(e) {
    sort = {column: parseInt(e.target.value, 10), descending: e.target.value.endsWith("-")};
    order();
    update();
  }}, option("-1", "Not sorted"), ...shownColumns().flatMap((i) => [option(`${i}`, `${columns[i].title} ↑`), option(`${i}-`, `${columns[i].title} ↓`)]));
}

// sortBy goes through ascending, descending and the order of the list.
function sortBy(i) {
  if (sort.column !== i) sort = {column: i, descending: false};
  else if (!sort.descending) sort.descending = true;
  else sort = {column: -1, descending: false};
  order();
  drawHead();
  thead.rows[0].cells[shownColumns().indexOf(i)].firstChild.focus();
  update();
}

// order puts the rows in order. Empty cells are last in both directions.
function order() {
  const i = sort.column;
  const natural = new Intl.Collator(undefined, {numeric: true}).compare; // 2 before 10, also in addresses and dates
  const compare = columns[i]?.kind === "number" ? (a, b) => a - b : natural;
  const sign = sort.descending ? -1 : 1;
  ordered = sort.column < 0 ? rows : rows.toSorted(({cells: {[i]: a}}, {cells: {[i]: b}}) =>
    a === "" || b === "" ? (a === "") - (b === "") : sign * compare(a, b));
}

function drawTable() {
  live = new Map();
  tbody.replaceChildren(above, below);
  table.setAttribute("aria-rowcount", matching.length + 1);
  $("none").hidden = matching.length > 0;
  $("scroller").scrollTop = 0;
  drawRows();
  drawEdges();
}

// drawEdges shows that there is more at the right, or at the left below the first column.
function drawEdges() {
  const s = $("scroller");
  $("sheet").classList.toggle("scrolled", s.scrollLeft > 0);
  $("sheet").classList.toggle("continues", s.scrollLeft + s.clientWidth < s.scrollWidth - 1);
  $("sheet").style.setProperty("--bar", `${s.offsetWidth - s.clientWidth}px`); // the scrollbars stay as they are
  $("sheet").style.setProperty("--foot", `${s.offsetHeight - s.clientHeight}px`);
}

// drawRows keeps the rows around the window in the page, and no others.
function drawRows(all = false) {
  const margin = 10;
  const high = rowHeight();
  const first = all ? 0 : Math.max(Math.floor($("scroller").scrollTop / high) - margin, 0);
  const last = all ? matching.length : Math.min(first + Math.ceil($("scroller").clientHeight / high) + 2 * margin, matching.length);
  for (const [i, tr] of live) {
    if (i >= first && i < last) continue;
    tr.remove();
    live.delete(i);
  }
  above.firstChild.style.height = `${first * high}px`;
  below.firstChild.style.height = `${(matching.length - last) * high}px`;
  let next = below;
  for (let i = last - 1; i >= first; i--) {
    let tr = live.get(i);
    if (!tr) {
      tr = tableRow(matching[i], i);
      live.set(i, tr);
      next.before(tr);
    }
    next = tr;
  }
}

// marked returns the nodes of a text in which the words of the search are marked.
function marked(text) {
  if (!marks) return [text];
  return text.split(marks).map((part, i) => i % 2 === 1 ? h("mark", {}, part) : part);
}

// card is a row in two lines: the name, and below it the rest.
function card(row, index) {
  const shown = shownColumns().filter((i) => row.cells[i] !== "" && columns[i].name !== "status");
  const main = shown.find((i) => columns[i].name === "name") ?? shown[0];
  const td = h("td", {},
    h("button", {onclick: () => details(row)}, ...marked(main === undefined ? "–" : show(row.cells[main], columns[main].kind))),
    h("div", {className: "rest"}, ...shown.filter((i) => i !== main).flatMap((i, n) => [n > 0 ? " · " : "", ...marked(show(row.cells[i], columns[i].kind))])));
  const status = columns.findIndex((c) => c.name === "status");
  if (columns[status]?.shown) td.dataset.status = row.cells[status];
  return h("tr", {"aria-rowindex": index + 2, className: "card-row"}, td);
}

function tableRow(row, index) {
  if (narrow.matches && !printing) return card(row, index);
  const cells = shownColumns().map((i, n) => {
    const {name, kind} = columns[i];
    const text = show(row.cells[i], kind);
    const td = h("td", {className: kind, title: text});
    td.append(...n > 0 ? marked(text) : [h("button", {onclick: () => details(row)}, ...marked(text || "–"))]);
    if (name === "status") td.dataset.status = text;
    if (name === "expires" && ends) td.dataset.ends = ends.groups.indexOf(row.groups[ends.of]) === ends.groups.indexOf("later") ? "" : row.groups[ends.of];
    return td;
  });
  return h("tr", {"aria-rowindex": index + 2}, ...cells);
}

function details(row) {
  const cell = (name) => row.cells[columns.findIndex((c) => c.name === name)];
  $("details-title").textContent = cell("name") || cell("id");
  $("details").querySelector("dl").replaceChildren(...columns.flatMap((c, i) =>
    row.cells[i] === "" ? [] : [h("dt", {}, c.title), h("dd", {className: c.kind}, show(row.cells[i], c.kind))]));
  $("details").showModal();
}

let frame = 0;
function redraw() {
  frame ||= requestAnimationFrame(() => { frame = 0; drawRows(); drawEdges(); });
}
// columnsChanged draws everything that depends on which columns are shown.
function columnsChanged() {
  indexTexts();
  drawHead();
  update();
}
$("scroller").addEventListener("scroll", redraw);
new ResizeObserver(() => { if (!printing && fitColumns()) columnsChanged(); else redraw(); }).observe($("scroller"));
narrow.addEventListener("change", columnsChanged);
function print(on) {
  printing = on;
  drawHead();
  live = new Map();
  tbody.replaceChildren(above, below);
  drawRows(on);
}
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));

// Columns to show

const boxes = columns.map((c) => h("input", {type: "checkbox", onchange(e) {
  automatic = false;
  c.shown = e.target.checked;
  drawChooser();
  columnsChanged();
}}));
$("chooser").querySelector("fieldset").append(...columns.map((c, i) => h("label", {}, boxes[i], ` ${c.title}`)));
function drawChooser() {
  boxes.forEach((box, i) => { box.checked = columns[i].shown; });
  $("chooser").querySelector(".n").textContent = `${shownColumns().length} of ${columns.length}`;
}
document.addEventListener("click", (e) => {
  if (!e.target.closest("#chooser")) $("chooser").open = false;
});
$("chooser").addEventListener("keydown", (e) => {
  if (e.key !== "Escape") return;
  $("chooser").open = false;
  $("chooser").querySelector("summary").focus();
});

for (const chart of charts) (chart.title === "created" ? columnChart : barChart)(chart);
if (!$("created").hasChildNodes()) $("created").hidden = true;
measure();
drawChooser();
fitColumns();
columnsChanged();
