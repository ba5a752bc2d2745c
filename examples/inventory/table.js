// The table of the page. This file is appended to page.js to form one script.

const narrow = matchMedia("screen and (max-width: 600px)"); // on narrow screens, a row is a card of two lines
const rowHeight = () => narrow.matches ? 60 : 32;
const table = document.querySelector("table");
const [thead, tbody] = [table.tHead, table.tBodies[0]];
const [above, below] = [h("tr", {"aria-hidden": "true"}, h("td")), h("tr", {"aria-hidden": "true"}, h("td"))];
let live = new Map(); // the rows that are in the page, by index: the visible rows and some rows around them
let printing = false;
let marks = null; // regular expression for the words of the search
const ends = charts.find((c) => c.title === "subscription ends");

const shownColumns = () => columns.flatMap((c, i) => c.shown ? [i] : []);
const show = (value, kind) => kind === "time" ? String(value).replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d).*/, "$1 $2") : String(value);

// measure sets the widths of the columns to those of their texts. The browser cannot do this, because the page
// contains only a few rows at a time. In a column of words, the widest one percent of the texts may be cut off, but
// ids and times are never cut off.
function measure() {
  const context = document.createElement("canvas").getContext("2d");
  const style = getComputedStyle(table);
  const cells = (s) => s.length + (s.match(/[^\x00-\xff]/g)?.length ?? 0);
  columns.forEach((column, i) => {
    const lengths = []; // for each length, the number of texts and one of the texts
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

// fitColumns hides the default columns that are empty, and the last columns that do not fit the window. It does
// nothing after the user has chosen a column.
let automatic = fit;
const paperWidth = 1600; // width of A4 landscape, scaled to the larger font size of a screen
const byDefault = columns.flatMap((c, i) => c.shown ? [i] : []);
const hasValues = columns.map((_, i) => rows.length === 0 || rows.some((row) => row.cells[i] !== ""));
function fitColumns() {
  if (!automatic) return false;
  const before = String(shownColumns());
  let room = (printing ? paperWidth : $("scroller").clientWidth) - 16;
  let full = false;
  byDefault.forEach((i, n) => {
    if (hasValues[i]) room -= columns[i].width;
    full ||= room < 0 && n > 0;
    columns[i].shown = hasValues[i] && (narrow.matches && !printing || !full);
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
  const widths = shown.map((i, n) => columns[i].width + (n === 0 ? 8 : 0) + (n === shown.length - 1 ? 8 : 0)); // the padding at the edges of the table
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

// sortMenu returns a menu that replaces the column heads on narrow screens.
function sortMenu() {
  const option = (value, text) => h("option", {value, selected: value === `${sort.column}${sort.descending ? "-" : ""}`}, text);
  return h("select", {"aria-label": "Sort by", onchange(e) {
    sort = {column: parseInt(e.target.value, 10), descending: e.target.value.endsWith("-")};
    order();
    update();
  }}, option("-1", "Not sorted"), ...shownColumns().flatMap((i) => [option(`${i}`, `${columns[i].title} ↑`), option(`${i}-`, `${columns[i].title} ↓`)]));
}

// sortBy switches the order of a column from ascending to descending and then back to the order of the list.
function sortBy(i) {
  if (sort.column !== i) sort = {column: i, descending: false};
  else if (!sort.descending) sort.descending = true;
  else sort = {column: -1, descending: false};
  order();
  drawHead();
  thead.rows[0].cells[shownColumns().indexOf(i)].firstChild.focus();
  update();
}

// order sorts the rows. Empty cells are last in both directions.
function order() {
  const i = sort.column;
  const natural = new Intl.Collator(undefined, {numeric: true}).compare; // sorts 2 before 10, also within addresses
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
  $("none").textContent = rows.length > 0 ? "No instance matches in the columns shown." : "The list is empty: no instance matched the command above.";
  $("scroller").scrollTop = 0;
  drawRows();
  drawEdges();
}

// drawEdges shows at the right edge, or next to the first column, that the table continues there.
function drawEdges() {
  const s = $("scroller");
  $("sheet").classList.toggle("scrolled", s.scrollLeft > 0);
  $("sheet").classList.toggle("continues", s.scrollLeft + s.clientWidth < s.scrollWidth - 1);
  $("sheet").style.setProperty("--bar", `${s.offsetWidth - s.clientWidth}px`); // the shadows must not cover the scrollbars
  $("sheet").style.setProperty("--first", `${thead.rows[0]?.cells[0]?.offsetWidth ?? 0}px`);
  $("sheet").style.setProperty("--foot", `${s.offsetHeight - s.clientHeight}px`);
}

// drawRows adds the rows in and around the visible area to the page and removes all other rows.
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

// marked returns the nodes of a text, with the words of the search marked.
function marked(text) {
  if (!marks) return [text];
  return text.split(marks).map((part, i) => i % 2 === 1 ? h("mark", {}, part) : part);
}

// card returns a row as a card of two lines: the name, and the other cells below the name.
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
// columnsChanged redraws everything that depends on the shown columns.
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
  fitColumns();
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
$("chooser").querySelector("fieldset").append(h("div", {}, ...columns.map((c, i) => h("label", {}, boxes[i], ` ${c.title}`))));
function drawChooser() {
  boxes.forEach((box, i) => { box.checked = columns[i].shown; });
  $("chooser").querySelector(".n").textContent = `${shownColumns().length} of ${columns.length}`;
}
$("chooser").addEventListener("toggle", () => { // limit the height of the list to the window, so that the page does not grow
  const list = $("chooser").querySelector("fieldset");
  list.style.maxHeight = narrow.matches ? "" : `${Math.max(innerHeight - list.getBoundingClientRect().top - 12, 160)}px`;
});
document.addEventListener("click", (e) => {
  if (!e.target.closest("#chooser")) $("chooser").open = false;
});
$("chooser").addEventListener("keydown", (e) => {
  if (e.key !== "Escape") return;
  $("chooser").open = false;
  $("chooser").querySelector("summary").focus();
});

$("scroller").classList.toggle("long", rows.length > 10);
for (const chart of charts) (chart.title === "created" ? columnChart : barChart)(chart);
if (!$("created").hasChildNodes()) $("created").hidden = true;
measure();
drawChooser();
fitColumns();
columnsChanged();
