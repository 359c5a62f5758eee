// The page around the drawing: what is in view, what has happened yet, what is said beside it, and what hands do.
// View
let drawn = 0;
const redraw = () => { if (!drawn) drawn = requestAnimationFrame(() => { drawn = 0; show(); }); };

function show() {
  const { width, height } = svg.getBoundingClientRect(), { x, y, k } = state;
  world.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${k})`);
  const view = [-x / k - 60, -y / k - 60, (width - x) / k + 60, (height - y) / k + 60], far = k < FAR;
  const buckets = new Map();
  for (const item of scene.items) {
    const b = item.box, near = b[0] < view[2] && b[2] > view[0] && b[1] < view[3] && b[3] > view[1];
    const alone = near && (!far || (item.kind === "frame" && (b[2] - b[0]) * k > 24) || (item.kind === "box" && item.unit < 0));
    if (alone && !item.el) {
      item.el = item.draw();
      item.el.item = item;
      scene.parts[item.part].append(item.el);
    } else if (!alone && item.el) { item.el.remove(); item.el = null; }
    if (item.el) paint(item);
    else if (near && item.kind !== "frame") gather(buckets, item);
  }
  scene.parts[1].replaceChildren(...[...buckets].sort((a, b) => (a[0] < b[0] ? 1 : -1)).map(([cls, ds]) => make("path", { class: cls, d: ds.join(""), ...(cls.includes("far") ? {} : { "stroke-width": Math.min(3, 1 / k) }) })));
  drawMap(width, height);
}

// From far away everything of one look is one path.
function gather(buckets, item) {
  const { lit, current } = now(item);
  if (!item.far && item.kind === "wire") {
    const at = line(item.wire, item.lane), top = scene.tops[item.lane];
    item.far = [item.lane ? `flow ${item.wire.look[0]}` : "wire", `M${at.x1.toFixed()} ${(at.y1 + top).toFixed()}L${at.x2.toFixed()} ${(at.y2 + top).toFixed()}`];
  } else if (!item.far) {
    const [x0, y0, x1, y1] = item.box.map((v) => v.toFixed()), kind = faceOf(item.unit)[0];
    item.far = [`far ${cells[item.unit] && cells[item.unit].alarm ? "alarmed" : kind === "leaf" || kind === "group" ? kind : "card"}`, `M${x0} ${y0}H${x1}V${y1}H${x0}z`];
  }
  const cls = `${item.far[0]}${lit ? "" : " dim"}${current ? " current" : ""}`;
  if (!buckets.has(cls)) buckets.set(cls, []);
  buckets.get(cls).push(item.far[1]);
}

// Whether something has happened yet, and whether it happens now.
function now(item) {
  const { lane } = item, step = steps[state.time - 1];
  if (item.kind === "frame") return { lit: true, current: false };
  if (item.kind === "wire") {
    const along = item.wire.links;
    return { lit: along.some((n) => when.link[lane][n] < state.time), current: Boolean(step) && state.time < steps.length && step[0] === lane && along.some((n) => step[2].includes(n)) };
  }
  return { lit: cellsOf(item.unit).some((i) => when.cell[lane][i] < state.time), current: Boolean(step) && state.time < steps.length && step[0] === lane && scene.shown[step[1]] === item.unit };
}

function paint(item) {
  const { lit, current } = now(item), chosen = state.selected;
  item.el.classList.toggle("dim", !lit);
  item.el.classList.toggle("current", current);
  const mine = item.kind === "wire" ? chosen && chosen.links && chosen.links.every((n) => item.wire.links.includes(n)) : chosen && item.kind === "box" && chosen.cell === item.unit;
  item.el.classList.toggle("selected", Boolean(mine));
}

function drawMap(width, height) {
  svg.addEventListener("pointerover", (e) => { // a value and its node belong together
  const item = itemAt(e.target);
  for (const el of world.querySelectorAll(".pair")) el.classList.remove("pair");
  if (item && item.kind === "box") for (const other of scene.items) if (other.unit === item.unit && other.el) other.el.classList.add("pair");
});

const map = $("map");
  if (!svg.parentNode.classList.contains("wide")) return;
  const ratio = devicePixelRatio || 1, w = map.clientWidth, h = map.clientHeight;
  map.width = w * ratio; map.height = h * ratio;
  const c = map.getContext("2d"), style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue("--" + name);
  c.scale(ratio, ratio);
  const sx = w / (scene.width + 2 * SIDE), sy = (h - 4) / scene.height;
  for (const item of scene.items) {
    if (item.kind !== "box") continue;
    const { lit, current } = now(item), [x0, y0, x1, y1] = item.box;
    c.globalAlpha = lit ? 0.75 : 0.2;
    c.fillStyle = colour(current ? "accent" : item.unit >= 0 && cells[item.unit].alarm ? "alarm" : item.lane ? lookOf(item.unit) : "wire");
    c.fillRect((x0 + SIDE) * sx, 2 + y0 * sy, Math.max(1, (x1 - x0) * sx - 0.5), Math.max(1, (y1 - y0) * sy));
  }
  c.globalAlpha = 1;
  c.strokeStyle = colour("ink"); c.lineWidth = 1.5;
  c.strokeRect(Math.max(1, (-state.x / state.k + SIDE) * sx), 1, Math.max(6, Math.min(w - 2, (width / state.k) * sx)), h - 2);
}

function zoom(factor, cx, cy) {
  const { width, height } = svg.getBoundingClientRect();
  const px = cx ?? width / 2, py = cy ?? height / 2, k = Math.min(4, Math.max(0.001, state.k * factor));
  state.x = px - ((px - state.x) * k) / state.k;
  state.y = py - ((py - state.y) * k) / state.k;
  state.k = k;
  state.moved = true;
  redraw();
}

function fit(least = 0) {
  const { width, height } = svg.getBoundingClientRect(), room = 16;
  const w = scene.width + 2 * SIDE, h = scene.height + 4;
  const high = (height - 2 * room) / h, all = Math.min((width - 2 * room) / w, high);
  state.k = Math.min(1.25, Math.max(all, all > WHOLE ? 0 : Math.min(least, Math.max(high, least * 0.6))));
  state.x = w * state.k <= width ? (width - w * state.k) / 2 + SIDE * state.k : room + SIDE * state.k;
  state.y = h * state.k <= height ? (height - h * state.k) / 2 : room;
  redraw();
}

function reveal(unit, lane, centre) {
  const spot = scene.spots.get(unit);
  if (!spot) return;
  const { width, height } = svg.getBoundingClientRect();
  if (centre && state.k < 0.6) state.k = 0.9;
  const half = [Math.min(spot.w / 2, (width / 2 - 40) / state.k), Math.min(spot.h[lane] / 2, (height / 2 - 40) / state.k)]; // of a large frame its corner
  const x = state.x + (spot.x + half[0]) * state.k, y = state.y + (scene.tops[lane] + spot.y[lane] + half[1]) * state.k;
  if (centre || x < 60 || x > width - 60) state.x += width / 2 - x;
  if (centre || y < 40 || y > height - 40) state.y += height / 2 - y;
}

// Groups open and close where they are: their corner stays in its place on the screen.
function toggle(g, open, lane = 0) {
  const before = scene.spots.get(-g), top = scene.tops[lane];
  state.moved = true;
  const at = before && [before.x * state.k, (top + before.y[lane]) * state.k];
  if (open) state.closed.delete(g); else state.closed.add(g);
  arrange();
  const after = scene.spots.get(-g);
  if (at && after) { state.x += at[0] - after.x * state.k; state.y += at[1] - (scene.tops[lane] + after.y[lane]) * state.k; }
  if (open && after && after.w * state.k < 40) reveal(-g, lane, true);
  show();
  const item = scene.items.find((i) => i.unit === -g && i.lane === lane);
  state.quiet = true;
  if (item && item.el) item.el.focus({ preventScroll: true });
  state.quiet = false;
}

function openTo(i) {
  state.moved = true;
  let changed = false;
  for (let g = home[i]; g > 0; g = groups[g].parent) changed = state.closed.delete(g) || changed;
  if (changed) arrange();
}

// Time
function go(t) {
  state.time = Math.max(0, Math.min(steps.length, t));
  scrub.value = state.time;
  $("count").textContent = `${state.time} of ${steps.length}`;
  $("back").disabled = $("first").disabled = !state.time;
  $("forth").disabled = $("last").disabled = state.time === steps.length;
  const step = steps[state.time - 1];
  if (step && state.time < steps.length) reveal(scene.shown[step[1]], step[0], false);
  tell();
  redraw();
}

function play(on) {
  clearTimeout(state.playing);
  state.playing = 0;
  document.body.classList.toggle("playing", on);
  $("play").setAttribute("aria-label", on ? "Pause" : "Play");
  if (!on) return;
  if (state.time === steps.length) go(0);
  const beat = () => {
    const pace = Number($("speed").value);
    go(state.time + Math.max(1, Math.round(pace / 30)));
    state.playing = state.time < steps.length ? setTimeout(beat, 900 / Math.min(pace, 30)) : 0;
    if (!state.playing) play(false);
  };
  state.playing = setTimeout(beat, 250);
}

// The panel. Everything is put in as text.
function node(name, cls, ...inside) {
  const el = document.createElement(name);
  if (cls) el.className = cls;
  el.append(...inside.filter((x) => x !== null && x !== undefined && x !== ""));
  return el;
}
const sum = (text) => (text ? node("p", "sum", text) : "");
const part = (title, ...inside) => { const real = inside.flat().filter(Boolean); return real.length ? [node("h3", "", title), ...real] : []; };
const table = (rows) => (rows && rows.length ? node("table", "", node("tbody", "", ...rows.map(([a, b]) => node("tr", "", node("td", "", a), node("td", "", b))))) : "");

function goTo(i, text) {
  const el = node("button", "go-to", text || nameOf(i));
  el.type = "button";
  el.onclick = () => { openTo(i); state.selected = { cell: i }; reveal(i, 0, true); tell(); show(); };
  return el;
}
function sample(look, thick) {
  return swatch(26, make("path", { class: `flow ${look}`, "stroke-width": thick, d: "M2 7h22" }));
}
function swatch(width, ...inside) {
  const el = make("svg", { class: "swatch drawing", viewBox: `0 0 ${width} 14`, width, height: 14, "aria-hidden": "true", style: "display:inline-block;width:" + width + "px;height:14px" }, ...inside);
  return el;
}

function tell() {
  const step = steps[state.time - 1], parts = [];
  if (state.time === 0 && steps.length) parts.push(node("div", "now", node("b", "", "Before the first step"), node("p", "", "Nothing has been computed yet. Press → or play.")));
  else if (step && state.time < steps.length) {
    const [phase, i, along, text] = step, cell = cells[i];
    parts.push(node("div", "now", node("b", "", `Step ${state.time} of ${steps.length}, ${phase ? "backward" : "forward"}: `), goTo(i, phase && cell.node ? cell.node : nameOf(i)),
      node("p", "", text), ...(phase ? [...along.map((n) => sum(links[n].arithmetic)), ...(cell.backward || []).map(sum)] : [cell.forward === text ? "" : sum(cell.forward)])));
  }
  const chosen = state.selected;
  if (chosen && chosen.cell >= 0) parts.push(...aboutCell(chosen.cell));
  else if (chosen && chosen.links) parts.push(...aboutLinks(chosen.links));
  else parts.push(...aboutAll());
  panel.replaceChildren(...parts.filter(Boolean));
}

function aboutCell(i) {
  const cell = cells[i], kind = { leaf: "leaf", constant: "constant: no gradient goes here", ghost: "behind a cut: no gradient comes here", result: "result" }[cell.kind] || cell.kind;
  return [
    node("h2", "", nameOf(i).replaceAll(".", ".\u200b")), node("p", "what", [kind, cell.name && cell.op, cell.group && "in " + cell.group].filter(Boolean).join(" · ")), cell.alarm ? node("p", "alarm", cell.alarm) : "",
    ...part("Forward", sum(cell.formula), sum(cell.forward), table(cell.rows)),
    ...part("Backward", cell.node ? node("p", "", node("code", "", cell.node)) : "", cell.kind === "constant" ? "" : node("p", "", sample(...data.flows[i]), cell.gradient || ""), ...(cell.backward || []).map(sum), table(cell.saved)),
    ...part("Inputs", inputs[i].map((n) => linkLine(n, links[n].source))), ...part("Used by", uses[i].map((n) => linkLine(n, links[n].target))),
    ...part("Source", sum(cell.line)),
  ];
}

function linkLine(n, other) {
  const link = links[n], local = link.cut ? `✂ cut by ${link.cut}` : [link.local, link.number !== link.local && link.number].filter(Boolean).join(" = ");
  return node("div", "link", goTo(other), link.name ? ` as ${link.name}` : "", local ? node("div", "", link.cut ? "" : "local derivative ", node("code", "", local)) : "", link.arithmetic ? sum(link.arithmetic) : "");
}

function aboutLinks(list) {
  const a = links[list[0]];
  if (list.length > 1) return [node("h2", "", `${list.length} links`), ...list.slice(0, 40).map((n) => node("div", "link", goTo(links[n].source), " → ", goTo(links[n].target), node("p", "", sample(...links[n].look), links[n].gradient || "")))];
  return [
    node("h2", "", goTo(a.source), " → ", goTo(a.target)), node("p", "what", a.name ? `input ${a.name} of ${nameOf(a.target)}` : ""), a.cut ? node("p", "alarm", `✂ ${a.cut} ends the gradient here.`) : "",
    ...part("Local derivative", sum([a.local, a.number !== a.local && a.number].filter(Boolean).join(" = "))), ...part("Gradient", node("p", "", sample(...a.look), a.gradient || ""), sum(a.arithmetic)), ...part("Source", sum(cells[a.target].line)),
  ];
}

function aboutAll() {
  const alarms = cells.map((c, i) => (c.alarm ? i : -1)).filter((i) => i >= 0);
  const signs = [["✂", "a cut: no gradient passes"], ["+", "gradients of several uses are added"]];
  const mark = (s) => (s === "+" ? swatch(26, make("circle", { class: "plus", cx: 13, cy: 7, r: 6.3 }), make("path", { class: "plus-sign", d: "M9.5 7h7m-3.5 -3.5v7" })) : swatch(26, write("scissors", 13, 13, s)));
  return [
    ...(alarms.length ? part("What is wrong here", alarms.slice(0, 20).map((i) => node("div", "alarm", goTo(i), node("div", "", cells[i].alarm)))) : []),
    node("h3", "", "How to read it"),
    node("p", "", cells.length ? "" : "Nothing was recorded.", `${cells.length} tensors, ${links.length} links. Values go forward in the upper lane; under each value stands its node, from which gradients go back.`),
    node("p", "", "Click a box or a line to read its arithmetic; click a group to open it, its frame to close it."),
    node("h3", "", "Gradients"),
    node("ul", "legend-list", ...data.legend.map(([name, look, thick]) => node("li", "", sample(look, thick), name)), ...signs.map(([s, name]) => node("li", "", mark(s), name))),
    ...part("Notes", data.notes.map((n) => node("p", "", n))),
    node("h3", "", "Keys"), table([["← →", "step back, forward"], ["space", "play or pause"], ["Home End", "start, end"], ["+ − 0", "zoom, fit"], ["/", "find"], ["Esc", "let go"]]),
  ];
}

// Hands
function choose(item) {
  if (item.kind === "frame") return toggle(-item.unit, false, item.lane);
  if (item.kind === "box" && item.unit < 0) return toggle(-item.unit, true, item.lane);
  state.selected = item.kind === "box" ? { cell: item.unit } : { links: item.wire.links };
  tell();
  redraw();
}
const itemAt = (target) => { const el = target.closest && target.closest(".item"); return el && el.item; };

const fingers = new Map();
let moved = 0;
svg.addEventListener("pointerdown", (e) => { fingers.set(e.pointerId, [e.clientX, e.clientY]); moved = 0; });
svg.addEventListener("pointermove", (e) => {
  const from = fingers.get(e.pointerId);
  if (!from) return;
  const dx = e.clientX - from[0], dy = e.clientY - from[1];
  if (fingers.size === 2) { // two fingers: their distance is the zoom
    const [other] = [...fingers].filter(([id]) => id !== e.pointerId).map(([, p]) => p), r = svg.getBoundingClientRect();
    const far = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]);
    zoom(far([e.clientX, e.clientY]) / Math.max(1, far(from)), other[0] - r.left, other[1] - r.top);
  } else { state.x += dx; state.y += dy; state.moved = true; redraw(); }
  moved += Math.abs(dx) + Math.abs(dy);
  if (moved > 4 && !svg.hasPointerCapture(e.pointerId)) { svg.setPointerCapture(e.pointerId); svg.classList.add("dragging"); }
  fingers.set(e.pointerId, [e.clientX, e.clientY]);
});
const lift = (e) => { fingers.delete(e.pointerId); svg.classList.remove("dragging"); };
svg.addEventListener("pointerup", lift);
svg.addEventListener("pointercancel", lift);
svg.addEventListener("click", (e) => {
  if (moved > 4) return;
  let item = itemAt(e.target);
  if (!item) { // from far away boxes have no elements of their own
    const r = svg.getBoundingClientRect(), x = (e.clientX - r.left - state.x) / state.k, y = (e.clientY - r.top - state.y) / state.k;
    item = state.k < FAR && scene.items.find((i) => i.kind === "box" && i.box[0] <= x && x <= i.box[2] && i.box[1] <= y && y <= i.box[3]);
  }
  if (item) choose(item);
  else { state.selected = null; tell(); redraw(); }
});
svg.addEventListener("wheel", (e) => {
  e.preventDefault();
  const r = svg.getBoundingClientRect();
  if (e.shiftKey || (Math.abs(e.deltaX) > Math.abs(e.deltaY) && !e.ctrlKey)) { state.x -= e.deltaX || e.deltaY; state.moved = true; redraw(); }
  else zoom(Math.exp(-Math.max(-120, Math.min(120, e.deltaMode ? e.deltaY * 30 : e.deltaY)) * (e.ctrlKey ? 0.01 : 0.0022)), e.clientX - r.left, e.clientY - r.top);
}, { passive: false });
svg.addEventListener("focusin", (e) => { // what is reached by the keyboard comes into view
  const item = itemAt(e.target);
  if (item && item.unit !== undefined && e.target.matches(":focus-visible") && !state.quiet) { reveal(item.unit, item.lane, false); redraw(); }
});

svg.addEventListener("pointerover", (e) => { // a value and its node belong together
  const item = itemAt(e.target);
  for (const el of world.querySelectorAll(".pair")) el.classList.remove("pair");
  if (item && item.kind === "box") for (const other of scene.items) if (other.unit === item.unit && other.el) other.el.classList.add("pair");
});

const map = $("map");
const jump = (e) => {
  const r = map.getBoundingClientRect(), width = svg.getBoundingClientRect().width;
  state.x = width / 2 - (((e.clientX - r.left) / r.width) * (scene.width + 2 * SIDE) - SIDE) * state.k;
  state.moved = true;
  redraw();
};
map.addEventListener("pointerdown", (e) => { map.setPointerCapture(e.pointerId); jump(e); });
map.addEventListener("pointermove", (e) => { if (e.buttons) jump(e); });

// Finding
const search = $("search"), found = $("found");
let hits = [], at = 0;
function look() {
  const text = search.value.trim().toLowerCase();
  hits = [];
  for (let i = 0; text && i < cells.length && hits.length < 30; i++) {
    const c = cells[i];
    if ([c.name, c.op, c.node, c.group, c.line].some((s) => s && s.toLowerCase().includes(text))) hits.push(i);
  }
  at = 0;
  offer(Boolean(text));
}
function offer(open) {
  found.hidden = !open;
  search.setAttribute("aria-expanded", String(open));
  found.replaceChildren(...(hits.length ? hits : [-1]).map((i, n) => {
    if (i < 0) return node("li", "", node("small", "", "Nothing of that name"));
    const c = cells[i], li = node("li", "", node("span", "", nameOf(i)), node("small", "", c.group || c.node || c.op || ""));
    li.setAttribute("role", "option");
    li.setAttribute("aria-selected", String(n === at));
    li.onpointerdown = (e) => { e.preventDefault(); take(i); };
    return li;
  }));
}
function take(i) {
  found.hidden = true;
  search.setAttribute("aria-expanded", "false");
  if (i === undefined) return;
  openTo(i);
  state.selected = { cell: i };
  reveal(i, 0, true);
  tell();
  show();
}
search.addEventListener("input", look);
search.addEventListener("focus", look);
search.addEventListener("blur", () => { found.hidden = true; });
search.addEventListener("keydown", (e) => {
  if (e.key === "Enter") take(hits[at]);
  else if (e.key === "ArrowDown" || e.key === "ArrowUp") { at = Math.max(0, Math.min(hits.length - 1, at + (e.key === "ArrowDown" ? 1 : -1))); offer(true); e.preventDefault(); }
  else if (e.key === "Escape") { search.value = ""; search.blur(); }
});

const keys = {
  ArrowRight: () => { play(false); go(state.time + 1); }, ArrowLeft: () => { play(false); go(state.time - 1); }, " ": () => play(!state.playing),
  Home: () => go(0), End: () => go(steps.length), "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8), 0: () => fit(), "/": () => search.focus(),
  Escape: () => { play(false); state.selected = null; tell(); redraw(); },
};
addEventListener("keydown", (e) => {
  const item = itemAt(e.target);
  if (item && e.key === "Enter") { choose(item); return; }
  if (e.target === search || e.target.tagName === "SELECT" || e.ctrlKey || e.metaKey || e.altKey) return;
  if (e.key === " " && e.target.tagName === "BUTTON") return;
  if (keys[e.key]) { e.preventDefault(); keys[e.key](); }
});

const clicks = {
  first: keys.Home, back: keys.ArrowLeft, play: keys[" "], forth: keys.ArrowRight, last: () => { play(false); go(steps.length); }, in: keys["+"], out: keys["-"], fit: () => fit(),
  "open-all": () => { state.closed.clear(); arrange(); fit(FAR / 2); }, "close-all": () => { state.closed = new Set(groups.length > 1 && !data.closed.length ? groups.keys() : data.closed); state.closed.delete(0); arrange(); fit(READ); },
  theme: () => { const dark = getComputedStyle(document.documentElement).colorScheme === "dark"; document.documentElement.dataset.theme = dark ? "light" : "dark"; redraw(); },
};
for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
scrub.addEventListener("input", () => { play(false); go(Number(scrub.value)); });

// Begin
const [, theme] = /[#&](light|dark)\b/.exec(location.hash) || [];
if (theme) document.documentElement.dataset.theme = theme;
for (const id of ["open-all", "close-all"]) $(id).hidden = groups.length < 2;
scrub.max = steps.length;
const forward = steps.filter((s) => !s[0]).length;
for (const [name, many] of [["forward", forward], ["backward", steps.length - forward]]) {
  if (!many) continue;
  const el = node("span", "", name);
  el.style.flex = many;
  $("phases").append(el);
}
if (!steps.length) document.querySelector("footer").hidden = true;
arrange();
fit(READ);
go(steps.length);
addEventListener("resize", () => (state.moved ? redraw() : fit(READ)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
const wanted = /[#&]step=(\d+)/.exec(location.hash), sought = /[#&]find=([^&]+)/.exec(location.hash);
if (wanted) go(Number(wanted[1]));
if (sought) { search.value = decodeURIComponent(sought[1]); look(); take(hits[0]); search.value = ""; }
if (/[#&]all\b/.test(location.hash)) clicks["open-all"]();
requestAnimationFrame(() => requestAnimationFrame(() => {
  document.documentElement.dataset.ready = `${Math.round(performance.now())} ms after the start, ${Math.round(performance.now() - began)} ms in the script`;
}));
