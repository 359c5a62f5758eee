"use strict";
// The drawing of a page. What is arranged, said and coloured was decided before; here widths and heights are added up, and boxes and lines made.
const began = performance.now();
const data = JSON.parse(document.getElementById("picture").textContent);
const { cells, links, steps, groups, home, faces, size } = data;
const $ = (id) => document.getElementById(id);
const svg = $("drawing"), world = $("world"), panel = $("panel"), scrub = $("scrub");
const SIDE = 24, LANE = 30, BETWEEN = 40, FAR = 0.3, READ = 0.75, WHOLE = 0.55, LEAST = 240;

const state = { closed: new Set(data.closed), time: steps.length, selected: null, x: 0, y: 0, k: 1, playing: 0, moved: false, quiet: false };
let scene = null; // what is in sight: spots, wires, items

// When things happen: the step of each cell and link forward and backward; -1 where it is always so.
const when = { cell: [cells.map(() => -1), cells.map(() => -1)], link: [links.map(() => -1), links.map(() => -1)] };
const inputs = cells.map(() => []), uses = cells.map(() => []);
links.forEach((link, n) => { inputs[link.target].push(n); uses[link.source].push(n); });
steps.forEach(([phase, cell, along], t) => {
  when.cell[phase][cell] = t;
  for (const n of along) when.link[phase][n] = t;
  if (!phase) for (const n of inputs[cell]) if (when.link[0][n] < 0) when.link[0][n] = t;
});
const anyBack = steps.some((s) => s[0] === 1);
cells.forEach((cell, i) => {
  if (!anyBack || when.cell[1][i] >= 0) return;
  when.cell[1][i] = Math.max(-1, ...uses[i].map((n) => when.link[1][n])); // a leaf is done when its last gradient has come
});
const inGroup = groups.map(() => []);
home.forEach((g, i) => { for (; g >= 0; g = groups[g].parent) inGroup[g].push(i); });

const parentOf = (unit) => (unit >= 0 ? home[unit] : groups[-unit].parent);
const faceOf = (unit) => (unit >= 0 ? faces[unit] : groups[-unit].face);
const nameOf = (i) => cells[i].name || cells[i].op || cells[i].key;
const unitName = (unit) => (unit >= 0 ? nameOf(unit) : groups[-unit].path || groups[-unit].label);
const lookOf = (unit) => (unit >= 0 ? data.flows[unit][0] : (faceOf(unit)[2].find((row) => row[0] === "flow") || ["", "none"])[1]);
const cellsOf = (unit) => (unit >= 0 ? [unit] : inGroup[-unit]);

// Where everything stands: sums of widths and heights, as in layout.py.
function arrange() {
  const hidden = groups.map(() => 0);
  groups.forEach((group, g) => { if (g) hidden[g] = hidden[group.parent] || (state.closed.has(g) ? g : 0); });
  const shown = home.map((g, i) => (hidden[g] ? -hidden[g] : i));
  const open = groups.map((_, g) => g).filter((g) => !hidden[g]);
  const sizes = new Map(), grids = new Map();
  let total;
  const wide = (u) => sizes.get(u) || faceOf(u).slice(3, 6);
  for (const g of [...open].reverse()) {
    const group = groups[g], border = g ? size.pad : 0;
    const widths = Array(group.columns).fill(0), lanes = [Array(group.rows).fill(0), Array(group.rows).fill(0)];
    for (const edge of group.edges) for (const [, r] of edge[2]) for (const lane of lanes) lane[r] = Math.max(lane[r], size.line);
    for (const [u, c, r] of group.at) {
      const s = wide(u);
      widths[c] = Math.max(widths[c], s[0]);
      lanes.forEach((lane, i) => { lane[r] = Math.max(lane[r], s[1 + i]); });
    }
    let x = border;
    const lefts = widths.map((w, c) => { x += group.gaps[c]; const left = x; x += w; return left; });
    const ends = [], middles = lanes.map((lane) => {
      let y = border + (g ? size.frame : 0);
      const middle = lane.map((h) => { const m = y + h / 2; y += h ? h + size.gap : 0; return m; });
      ends.push(y - (lane.some((h) => h) ? size.gap : 0) + border);
      return middle;
    });
    grids.set(g, { lefts, widths, middles });
    total = [x + border, ...ends];
    if (g) sizes.set(-g, total);
  }
  const spots = new Map(), points = new Map();
  const whole = { x: 0, w: total[0], y: [0, 0], h: [total[1], total[2]], left: 0, right: total[0] };
  for (const g of open) {
    const around = g ? spots.get(-g) : whole, { lefts, widths, middles } = grids.get(g);
    for (const [u, c, r] of groups[g].at) {
      const [w, ...h] = wide(u), left = around.x + lefts[c];
      spots.set(u, { x: left + (widths[c] - w) / 2, w, h, y: [0, 1].map((i) => around.y[i] + middles[i][r] - h[i] / 2), left, right: left + widths[c], column: c });
    }
    points.set(g, groups[g].edges.map(([from, to, way]) => way.map(([c, r], i) => ({
      left: from && !i ? around.left : around.x + lefts[c], right: to && i === way.length - 1 ? around.right : around.x + lefts[c] + widths[c],
      y: [0, 1].map((lane) => around.y[lane] + middles[lane][r]), id: `${g} ${c} ${r}` }))));
  }
  const wires = wiresOf(shown, new Set(open), spots, points);
  const tops = [LANE, 2 * LANE + whole.h[0] + BETWEEN];
  scene = { shown, open, spots, wires, tops, whole, items: [], width: Math.max(LEAST, whole.w), height: tops[1] + whole.h[1] + SIDE };
  enter();
  build();
}

function wiresOf(shown, open, spots, points) {
  const found = new Map(), beside = new Map();
  links.forEach((link, n) => {
    const a = shown[link.source], b = shown[link.target];
    if (a === b) return;
    const key = a < 0 || b < 0 ? `${a} ${b}` : `link ${n}`;
    const known = found.get(key);
    if (known) { known.links.push(n); return; }
    const way = [], route = data.routes[n];
    for (let i = 0; i < route.length; i += 2) if (open.has(route[i])) way.push(...points.get(route[i])[route[i + 1]]);
    const wire = { key, source: a, target: b, links: [n], way };
    for (const p of way) beside.set(p.id, [...(beside.get(p.id) || []), wire]);
    found.set(key, wire);
  });
  const wires = [...found.values()];
  for (const wire of wires) {
    const merged = data.merged[`${wire.source} ${wire.target}`], one = links[wire.links[0]];
    wire.look = merged ? merged[0] : one.look;
    wire.told = merged ? merged[1] : one.gradient;
    wire.cut = merged ? merged[2] : one.cut || "";
    wire.back = Boolean(wire.cut) || wire.links.some((n) => data.carries[n]);
    wire.middle = wire.way.map((p) => {
      const all = beside.get(p.id), off = 3 * Math.max(-4, Math.min(4, all.indexOf(wire) - (all.length - 1) / 2));
      return { left: p.left, right: p.right, y: p.y.map((y) => y + off) };
    });
    wire.lead = groups[parentOf(wire.target)].leads[spots.get(wire.target).column];
  }
  return wires;
}

// The height at which each wire enters its target, so that they do not cross.
function enter() {
  for (const lane of [0, 1]) {
    const entering = new Map();
    for (const wire of scene.wires) {
      if (lane && !wire.back) continue;
      const spot = scene.spots.get(wire.source);
      const y = wire.middle.length ? wire.middle[wire.middle.length - 1].y[lane] : spot.y[lane] + spot.h[lane] / 2;
      if (!entering.has(wire.target)) entering.set(wire.target, []);
      entering.get(wire.target).push([y, wire]);
    }
    for (const [target, list] of entering) {
      const spot = scene.spots.get(target), room = lane && target >= 0 ? size.slot : 2 * size.close;
      const step = Math.min(room, Math.max(0, spot.h[lane] - 12) / list.length);
      list.sort((a, b) => a[0] - b[0]).forEach(([, wire], i) => {
        (wire.entry = wire.entry || [])[lane] = spot.y[lane] + spot.h[lane] / 2 + (i - (list.length - 1) / 2) * step;
      });
    }
  }
}

// A wire's line in a lane: its path, and the places of its ends.
function line(wire, lane) {
  const source = scene.spots.get(wire.source), target = scene.spots.get(wire.target);
  const summed = lane && wire.source >= 0 && data.sums[wire.source];
  const thick = lane ? wire.look[1] : 1.3, head = 5 + thick;
  const x1 = source.x + source.w + (summed ? size.sum + size.radius : 0), y1 = source.y[lane] + source.h[lane] / 2;
  const x2 = target.x, y2 = wire.entry[lane];
  let start = x1 + (lane && !wire.cut ? head - 1 : 0), y = y1;
  let way = [{ left: source.right, right: source.right, y: y1 }, ...wire.middle.map((p) => ({ ...p, y: p.y[lane] })),
    { left: target.left - wire.lead, right: x2 - (lane ? 0 : head - 1), y: y2 }];
  if (lane && wire.cut) {
    if (!faceOf(wire.target)[2].length) way[way.length - 1] = { left: target.left - wire.lead, right: target.left - wire.lead, y: y2 }; // the line ends at the scissors
    else if (!faceOf(wire.source)[2].length) { start = x2 - wire.lead; y = y2; way = [{ left: start, right: x2, y: y2 }]; }
  }
  let x = start, d = `M${x.toFixed(1)} ${y.toFixed(1)}`;
  for (const p of way) {
    if (p.left > x + 0.5) { const half = (x + p.left) / 2; d += `C${half.toFixed(1)} ${y.toFixed(1)} ${half.toFixed(1)} ${p.y.toFixed(1)} ${p.left.toFixed(1)} ${p.y.toFixed(1)}`; }
    if (p.right > Math.max(p.left, x) + 0.05) d += `H${p.right.toFixed(1)}`;
    x = Math.max(x, p.right); y = p.y;
  }
  const ys = [y1, y2, ...way.map((p) => p.y)];
  return { d, x1, y1, x2, y2, head, thick, box: [x1 - 10, Math.min(...ys) - 20, target.x + 10, Math.max(...ys) + 20] };
}

// Elements
function make(name, attributes = {}, ...inside) {
  const el = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) el.setAttribute(key, value);
  el.append(...inside.filter((x) => x !== null && x !== ""));
  return el;
}
const write = (cls, x, y, text) => (text ? make("text", { class: cls, x: x.toFixed(1), y: y.toFixed(1) }, text) : "");
const tip = (x, y, length, cls) => make("path", { class: cls, d: `M${x.toFixed(1)} ${y.toFixed(1)}l${-length} ${-Math.abs(length) * 0.55}v${Math.abs(length) * 1.1}z` });

function drawBox(unit, lane) {
  const face = faceOf(unit), rows = face[lane ? 2 : 1], spot = scene.spots.get(unit), w = spot.w, h = spot.h[lane], p = size.padding;
  const alarmed = rows.some((row) => row[0] === "warning");
  const label = unit < 0 ? `${unitName(unit)}, ${groups[-unit].count} operations, closed: press to open` : `${nameOf(unit)}${lane ? ", gradient " + (cells[unit].gradient || "") : ""}`;
  const el = make("g", { class: `item box ${face[0]}${alarmed ? " alarmed" : ""}`, transform: `translate(${spot.x} ${scene.tops[lane] + spot.y[lane]})`, tabindex: 0, role: "button", "aria-label": label });
  if (unit < 0) el.append(make("rect", { class: "card", x: 4, y: -4, width: w, height: h, rx: 7 }));
  el.append(make("rect", { class: "card", width: w, height: h, rx: 7 }));
  let y = p + 12;
  for (const [kind, a, b] of rows) {
    if (kind === "title") el.append(write("title", p, y, a), write("aside", w - p, y, b));
    else if (kind === "row") el.append(write("key", p, y, a), write("value", w - p, y, b));
    else if (kind === "flow") el.append(make("circle", { class: `dot ${a}`, cx: p + 5, cy: y - 4, r: 4.5 }), write("key", p + 16, y, b));
    else el.append(write(kind, p, y, a));
    y += kind === "title" ? size.title : size.row;
  }
  if (alarmed) el.append(make("circle", { class: "bell-ground", cx: w, cy: 0, r: 9 }), write("bell", w, 4.5, "!"));
  if (lane && unit >= 0 && data.sums[unit]) {
    const [look, thick] = data.flows[unit], x = w + size.sum, m = h / 2;
    el.append(make("path", { class: `flow ${look}`, "stroke-width": thick, d: `M${x} ${m}H${w + 4 + thick}` }), tip(w, m, -5 - thick, `dot ${look}`),
      make("circle", { class: "plus", cx: x, cy: m, r: size.radius }), make("path", { class: "plus-sign", d: `M${x - 4} ${m}h8m-4 -4v8` }));
  }
  return el;
}

function drawWire(wire, lane) {
  const at = line(wire, lane), single = wire.links.length === 1, one = links[wire.links[0]], [over, under] = data.labels[wire.links[0]];
  const el = make("g", { class: "item wire-of", transform: `translate(0 ${scene.tops[lane]})` }, make("path", { class: "hit", d: at.d }), make("path", { class: "halo", d: at.d, "stroke-width": at.thick + 8 }));
  el.append(make("title", {}, `${unitName(wire.source)} ${lane ? "←" : "→"} ${unitName(wire.target)}${wire.cut ? `: cut by ${wire.cut}` : lane ? `: ${one.arithmetic && single ? one.arithmetic : wire.told}` : ""}`));
  if (lane) {
    el.append(make("path", { class: `flow ${wire.look[0]}`, "stroke-width": wire.look[1], d: at.d }));
    if (!wire.cut) el.append(tip(at.x1, at.y1, -at.head, `dot ${wire.look[0]}`));
    el.append(write("mark", at.x1 + 20, at.y1 - 7, wire.look[2]));
    if (single && wire.target >= 0) el.append(write("label", at.x2 - 7, at.y2 - 5, over), write("label", at.x2 - 7, at.y2 + 13, under));
  } else {
    el.append(make("path", { class: "wire", d: at.d }), tip(at.x2, at.y2, at.head, "tip"));
    if (single && wire.target >= 0 && data.slots[wire.target] > 1 && data.slots[wire.target] <= size.many) el.append(write("label faint", at.x2 - 9, at.y2 - 4, one.name));
  }
  if (!single) el.append(write("label faint", at.x2 - 9, at.y2 - 5, `${wire.links.length} links`));
  if (wire.cut) {
    el.append(write("scissors", at.x2 - wire.lead - 2, at.y2 + 6, "✂"));
    if (!lane || !single) el.append(write("label", at.x2 - 9, at.y2 + 14, wire.cut));
  }
  return el;
}

function drawFrame(g, lane) {
  const spot = scene.spots.get(-g), y = scene.tops[lane] + spot.y[lane];
  const el = make("g", { class: "item frame-of", tabindex: 0, role: "button", "aria-label": `${unitName(-g)}, open: press to close` },
    make("title", {}, `${unitName(-g)}: click to close`), make("rect", { class: "frame", x: spot.x, y, width: spot.w, height: spot.h[lane], rx: 9 }));
  const text = groups[g].label, most = Math.max(1, Math.floor((spot.w - 40) / 7));
  el.append(write("frame-name", spot.x + 10, y + 17, `− ${text.length > most ? text.slice(0, most) + "…" : text}`));
  return el;
}

// What could be drawn, from back to front, each with its place; elements are made only for what is in view.
function build() {
  world.replaceChildren();
  const { spots, tops, items, whole } = scene;
  for (const lane of [0, 1]) {
    world.append(make("g", {}, make("rect", { class: "lane", x: -SIDE, y: tops[lane] - LANE, width: scene.width + 2 * SIDE, height: whole.h[lane] + LANE + SIDE / 2 + 4, rx: 12 }),
      write("lane-name", 10 - SIDE, tops[lane] - LANE + 18, lane ? "← GRADIENTS  backward" : "VALUES  forward →")));
  }
  scene.parts = ["frame", "far", "wire", "box"].map((name) => { const g = make("g", { class: name + "s" }); world.append(g); return g; });
  for (const lane of [0, 1]) {
    const bounds = (unit) => { const s = spots.get(unit), y = tops[lane] + s.y[lane]; return [s.x, y, s.x + s.w, y + s.h[lane]]; };
    for (const g of scene.open) if (g) items.push({ kind: "frame", part: 0, unit: -g, lane, box: bounds(-g), draw: () => drawFrame(g, lane) });
    for (const wire of scene.wires) {
      if (lane && !wire.back) continue;
      const box = line(wire, lane).box;
      items.push({ kind: "wire", part: 2, wire, lane, box: [box[0], box[1] + tops[lane], box[2], box[3] + tops[lane]], draw: () => drawWire(wire, lane) });
    }
    for (const unit of new Set(scene.shown)) if (faceOf(unit)[lane ? 2 : 1].length) items.push({ kind: "box", part: 3, unit, lane, box: bounds(unit), draw: () => drawBox(unit, lane) });
  }
  svg.parentNode.classList.toggle("wide", scene.width * WHOLE > svg.getBoundingClientRect().width);
}

