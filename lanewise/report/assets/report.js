"use strict";
// The replay of one drive. All data stand in the element #drive; nothing is fetched.
(() => {
  const drive = JSON.parse(document.getElementById("drive").textContent);
  const byId = (id) => document.getElementById(id);
  const times = drive.t, end = times[times.length - 1];
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const state = { t: 0, pointed: null, playing: false, rate: 1, follow: true, north: false, ways: true, scale: 7, centre: [0, 0], dirty: true };
  let colors = drive.themes.light;

  // --- time ---------------------------------------------------------------------------------------------------------

  function rowAt(t) {
    let low = 0, high = times.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (times[middle] <= t + 1e-6) low = middle; else high = middle - 1;
    }
    const next = Math.min(low + 1, times.length - 1), span = times[next] - times[low];
    return { row: low, next, share: span > 0 ? Math.min(Math.max((t - times[low]) / span, 0), 1) : 0 };
  }

  function at(column, place) {
    const a = column[place.row], b = column[place.next];
    if (a === null) return null;
    return b === null ? a : a + place.share * (b - a);
  }

  function latest(items, t) {
    let low = 0, high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items[middle].t <= t + 1e-6) low = middle + 1; else high = middle;
    }
    return low > 0 ? items[low - 1] : null;
  }

  function seek(t) {
    state.t = Math.min(Math.max(t, 0), end);
    state.dirty = true;
  }

  // --- the picture from above ---------------------------------------------------------------------------------------

  const canvas = byId("birdseye"), pen = canvas.getContext("2d");
  const path = (flat, closed) => {
    const made = new Path2D();
    for (let i = 0; i < flat.length; i += 2) made[i ? "lineTo" : "moveTo"](flat[i], flat[i + 1]);
    if (closed) made.closePath();
    return made;
  };
  const surfaces = drive.road.surfaces.map((surface) => {
    const made = new Path2D();
    for (const ring of surface.rings) made.addPath(path(ring, true));
    return { kind: surface.kind, made };
  });
  const lines = drive.road.lines.map((line) => ({ ...line, made: path(line.points, false) }));
  for (const member of drive.cast) for (const layer of member.layers) layer.made = path(layer.points, true);

  function tinted(color, tint) {
    if (!tint) return color;
    const target = tint > 0 ? 255 : 0, share = Math.abs(tint);
    const parts = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
    return "#" + parts.map((p) => Math.round(p + share * (target - p)).toString(16).padStart(2, "0")).join("");
  }

  const speedColor = (v) => graded(Math.min(Math.max(v / drive.maxSpeed, 0), 1));

  // From slow (0) to fast (1).
  function graded(share) {
    const [a, b, u] = share < 0.5 ? ["slow", "medium", 2 * share] : ["medium", "fast", 2 * share - 1];
    const mix = [1, 3, 5].map((i) => {
      const from = parseInt(colors[a].slice(i, i + 2), 16), to = parseInt(colors[b].slice(i, i + 2), 16);
      return Math.round(from + u * (to - from)).toString(16).padStart(2, "0");
    });
    return "#" + mix.join("");
  }

  function egoPose(place) {
    return { x: at(drive.ego.x, place), y: at(drive.ego.y, place), yaw: at(drive.ego.yaw, place) };
  }

  // World to screen: x right, y down, rotated so that the ego heads right unless north is up.
  function camera(place) {
    const ego = egoPose(place), turn = state.north ? 0 : ego.yaw;
    if (state.follow) {
      const ahead = (state.north ? 0 : 0.22 * canvas.clientWidth) / state.scale;
      state.centre = [ego.x + ahead * Math.cos(ego.yaw), ego.y + ahead * Math.sin(ego.yaw)];
    }
    const c = Math.cos(turn) * state.scale, s = Math.sin(turn) * state.scale, [cx, cy] = state.centre;
    return {
      a: c, b: s, c: s, d: -c,
      e: canvas.clientWidth / 2 - c * cx - s * cy,
      f: canvas.clientHeight / 2 - s * cx + c * cy,
    };
  }

  function useCamera(m) {
    const ratio = devicePixelRatio || 1;
    pen.setTransform(m.a * ratio, m.b * ratio, m.c * ratio, m.d * ratio, m.e * ratio, m.f * ratio);
  }

  function fit(target) {
    const ratio = devicePixelRatio || 1;
    const width = Math.round(target.clientWidth * ratio), height = Math.round(target.clientHeight * ratio);
    if (target.width !== width || target.height !== height) { target.width = width; target.height = height; }
    return ratio;
  }

  const PAINT = { white: "mark", yellow: "mark-yellow", blue: "mark-blue", red: "mark-red", orange: "mark-yellow" };

  function drawRoad() {
    for (const surface of surfaces) {
      pen.fillStyle = colors[surface.kind];
      pen.fill(surface.made, "evenodd");
      pen.strokeStyle = colors[surface.kind];  // hides the hairline between neighbouring lanes
      pen.lineWidth = 1.2 / state.scale;
      pen.stroke(surface.made);
    }
    for (const line of lines) {
      if (line.style === "centre") {
        if (state.scale < 4) continue;
        pen.strokeStyle = colors.centre;
        pen.setLineDash([0.6, 1.4]);
      } else {
        pen.strokeStyle = line.style === "edge" ? colors.edge : colors[PAINT[line.color] || "mark"];
        pen.setLineDash(line.style === "broken" ? line.dash || [] : []);
        pen.lineDashOffset = line.phase || 0;
      }
      pen.lineWidth = Math.max(line.width, (line.style === "centre" ? 0.8 : 1.1) / state.scale);
      pen.stroke(line.made);
    }
    pen.setLineDash([]);
  }

  // Signs and lights keep a size that can be read; they stand upright on the screen.
  function drawSignals(m) {
    for (const signal of drive.road.signals) {
      const x = m.a * signal.x + m.c * signal.y + m.e, y = m.b * signal.x + m.d * signal.y + m.f;
      if (x < -20 || y < -20 || x > canvas.clientWidth + 20 || y > canvas.clientHeight + 20) continue;
      const ratio = devicePixelRatio || 1, size = Math.min(Math.max(0.9 * state.scale, 3), 9);
      pen.setTransform(ratio, 0, 0, ratio, ratio * x, ratio * y);
      if (signal.kind === "light") drawLight(signal, size); else drawSign(signal, size);
    }
  }

  const LAMPS = { red: ["braking"], red_yellow: ["braking", "indicator"], yellow: ["indicator"], green: ["fast"], flashing: ["indicator"] };

  function drawLight(signal, size) {
    const shown = latest(signal.states, state.t), lit = (shown && LAMPS[shown.state]) || [];
    const lamps = lit.length || 1, height = 2 * size * lamps + 0.8 * size;
    pen.fillStyle = colors.glass;
    pen.beginPath();
    pen.roundRect(-1.4 * size, -height / 2, 2.8 * size, height, 0.7 * size);
    pen.fill();
    for (let i = 0; i < lamps; i++) {
      pen.fillStyle = lit.length ? colors[lit[i]] : colors.muted;
      pen.beginPath();
      pen.arc(0, (2 * i + 1 - lamps) * size, 0.85 * size, 0, 7);
      pen.fill();
    }
  }

  const SIGNS = { stop: [8, Math.PI / 8], yield: [3, Math.PI / 2], priority: [4, 0], limit: [24, 0], sign: [24, 0] };

  function drawSign(signal, size) {
    const [corners, turn] = SIGNS[signal.kind], radius = signal.kind === "sign" ? 0.5 * size : 1.2 * size;
    pen.beginPath();
    for (let i = 0; i < corners; i++) {
      const angle = turn + (2 * Math.PI * i) / corners;
      pen[i ? "lineTo" : "moveTo"](radius * Math.cos(angle), radius * Math.sin(angle));
    }
    pen.closePath();
    pen.fillStyle = { stop: colors.fail, priority: colors["mark-yellow"], sign: colors.faint }[signal.kind] || colors.panel;
    pen.fill();
    pen.strokeStyle = { stop: colors.panel, priority: colors.panel, sign: colors.panel }[signal.kind] || colors.fail;
    pen.lineWidth = signal.kind === "sign" ? 1 : 0.3 * size;
    pen.stroke();
    if (signal.kind === "limit" && size > 6) {
      pen.font = `700 ${0.95 * size}px system-ui, sans-serif`;
      pen.textAlign = "center";
      pen.fillStyle = colors.ink;
      pen.fillText(signal.text, 0, 0.35 * size);
    }
  }

  function drawTrail(place) {
    pen.strokeStyle = colors.trail;
    pen.globalAlpha = 0.35;
    pen.lineWidth = Math.max(0.22, 1.5 / state.scale);
    pen.beginPath();
    for (let i = 0; i <= place.row; i++) pen[i ? "lineTo" : "moveTo"](drive.ego.x[i], drive.ego.y[i]);
    pen.stroke();
    pen.globalAlpha = 1;
  }

  function drawPlan(plan) {
    if (!plan) return;
    pen.lineWidth = Math.max(0.75, 3 / state.scale);
    pen.globalAlpha = 0.85;
    for (let i = 0; i + 1 < plan.v.length; i++) {
      pen.strokeStyle = speedColor(0.5 * (plan.v[i] + plan.v[i + 1]));
      pen.beginPath();
      pen.moveTo(plan.points[2 * i], plan.points[2 * i + 1]);
      pen.lineTo(plan.points[2 * i + 2], plan.points[2 * i + 3]);
      pen.stroke();
    }
    pen.globalAlpha = 1;
  }

  // What was weighed last: the cheap green and strong, the dear red and faint, the cheapest on top.
  function drawCandidates() {
    const told = state.ways ? opened() : null;
    if (!told || state.t - told.t > 1) return;
    pen.lineCap = "round";
    for (let rank = told.count - 1; rank >= 0; rank--) {
      const share = told.dearness[told.order[rank]];
      strokeCandidate(told, told.order[rank], graded(1 - share), 0.5 - 0.42 * share, 1.1);
    }
    if (state.pointed !== null && state.pointed < told.count) strokeCandidate(told, state.pointed, colors.ink, 1, 3);
    pen.globalAlpha = 1;
    pen.lineCap = "butt";
  }

  function strokeCandidate(told, i, color, alpha, width) {
    pen.strokeStyle = color;
    pen.globalAlpha = alpha;
    pen.lineWidth = width / state.scale;
    pen.beginPath();
    for (let k = 0; k < told.points; k++) {
      const x = told.from[0] + told.step * told.places[2 * k * told.count + i];
      const y = told.from[1] + told.step * told.places[(2 * k + 1) * told.count + i];
      pen[k ? "lineTo" : "moveTo"](x, y);
    }
    pen.stroke();
  }

  function drawMember(member, pose, m, lights) {
    const cos = Math.cos(pose.yaw), sin = Math.sin(pose.yaw);
    useCamera(m);
    pen.transform(cos, sin, -sin, cos, pose.x, pose.y);
    // Far away a drawing would vanish: it keeps a least size on the screen.
    const grown = Math.max(1, 7 / (member.length * state.scale));
    pen.scale(grown, grown);
    for (const layer of member.layers) {
      if (layer.role === "indicator" && !lights.hazard) continue;
      let color = layer.role === "body" ? colors[member.body] : colors[layer.role];
      if (layer.role === "tail" && lights.braking) color = colors.braking;
      pen.fillStyle = tinted(color, layer.tint);
      pen.fill(layer.made);
    }
  }

  function ring(pose, member, m, color) {
    useCamera(m);
    const cos = Math.cos(pose.yaw), sin = Math.sin(pose.yaw);
    pen.transform(cos, sin, -sin, cos, pose.x, pose.y);
    const pad = Math.max(0.45, 3 / state.scale);
    pen.strokeStyle = color;
    pen.lineWidth = Math.max(0.16, 1.6 / state.scale);
    pen.strokeRect(-member.length / 2 - pad, -member.width / 2 - pad, member.length + 2 * pad, member.width + 2 * pad);
  }

  function label(text, pose, m, ratio) {
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = "600 11px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.lineJoin = "round";
    const x = m.a * pose.x + m.c * pose.y + m.e, y = m.b * pose.x + m.d * pose.y + m.f - pose.lift;
    pen.strokeStyle = colors.panel;
    pen.lineWidth = 3.5;
    pen.strokeText(text, x, y);
    pen.fillStyle = colors.ink;
    pen.fillText(text, x, y);
  }

  function drawScene(place) {
    const ratio = fit(canvas), m = camera(place), plan = latest(drive.plans, state.t);
    pen.setTransform(1, 0, 0, 1, 0, 0);
    pen.fillStyle = colors.ground;
    pen.fillRect(0, 0, canvas.width, canvas.height);
    useCamera(m);
    drawRoad();
    drawTrail(place);
    drawCandidates();
    drawPlan(plan);
    const blink = Math.floor(state.t / 0.4) % 2 === 0, names = [];
    for (const other of drive.others) {
      const x = at(other.x, place);
      if (x === null) continue;
      const member = drive.cast[other.id], pose = { x, y: at(other.y, place), yaw: at(other.yaw, place) };
      drawMember(member, pose, m, { braking: at(other.a, place) < -0.6, hazard: false });
      if (plan && plan.lead === other.id) ring(pose, member, m, colors.lead);
      names.push([`${member.name}  ${(3.6 * at(other.v, place)).toFixed(0)}`, { ...pose, lift: 10 + 0.8 * member.width * state.scale }]);
    }
    const ego = egoPose(place), member = drive.cast[drive.ego.id];
    const centre = { x: ego.x + member.centre * Math.cos(ego.yaw), y: ego.y + member.centre * Math.sin(ego.yaw), yaw: ego.yaw };
    const hazard = blink && drive.hazards.some(([from, to]) => from <= state.t && state.t <= to);
    drawMember(member, centre, m, { braking: at(drive.series.acceleration, place) < -0.6, hazard });
    drawTracks(m);
    drawSignals(m);
    drawContacts(m);
    if (state.scale > 2.5) for (const [text, pose] of names) label(text, pose, m, ratio);
  }

  function drawTracks(m) {
    const seen = latest(drive.tracks, state.t);
    if (!seen || state.t - seen.t > 1) return;
    useCamera(m);
    pen.strokeStyle = colors.lead;
    pen.lineWidth = Math.max(0.15, 1.6 / state.scale);
    pen.setLineDash([0.8, 0.5]);
    for (const [x, y, yaw, length, width] of seen.boxes) {
      pen.save();
      pen.translate(x, y);
      pen.rotate(yaw);
      pen.strokeRect(-length / 2, -width / 2, length, width);
      pen.restore();
    }
    pen.setLineDash([]);
  }

  function drawContacts(m) {
    for (const contact of drive.contacts) {
      const age = state.t - contact.t;
      if (age < -1e-6 || age > 4) continue;
      useCamera(m);
      pen.globalAlpha = Math.max(0, 1 - age / 4);
      pen.strokeStyle = colors.fail;
      pen.lineWidth = Math.max(0.25, 2.5 / state.scale);
      pen.beginPath();
      pen.arc(contact.x, contact.y, Math.max(1.2 + (calm ? 0 : age), 9 / state.scale), 0, 7);
      pen.stroke();
      pen.globalAlpha = 1;
    }
  }

  // --- figures beside it --------------------------------------------------------------------------------------------

  const MODE = { degraded: "DEGRADED", minimal_risk: "MINIMAL RISK" };
  const shown = (value, digits, unit) => (value === null ? "–" : `${value.toFixed(digits).replace("-", "−")} ${unit}`);

  function text(id, value) {
    const element = byId(id);
    if (element.textContent !== value) element.textContent = value;
  }

  function tellFigures(place) {
    const series = drive.series, plan = latest(drive.plans, state.t), mode = latest(drive.modes, state.t);
    text("hud-speed", (3.6 * at(series.speed, place)).toFixed(0));
    text("hud-acceleration", shown(at(series.acceleration, place), 1, "m/s²"));
    text("hud-gap", shown(at(series.gap, place), 1, "m"));
    text("hud-ttc", shown(at(series.ttc, place), 1, "s"));
    text("hud-mode", mode && MODE[mode.mode] ? `${MODE[mode.mode]}: ${mode.reason}` : "");
    byId("hud-mode").style.color = mode && mode.mode === "degraded" ? colors.warn : colors.fail;
    const waiting = drive.ego.engaged === null || state.t < drive.ego.engaged - 1e-6;
    const named = plan ? plan.reason.replace(/\btrack (\d+)/, (all, id) => (drive.cast[id] && !drive.tracks.length ? drive.cast[id].name : all)) : "";
    text("reason", waiting ? "the scenario drives the ego" : named);
    text("clock", `${state.t.toFixed(2)} s`);
    const scrub = byId("scrub");
    scrub.value = String(state.t);
    scrub.setAttribute("aria-valuetext", `${state.t.toFixed(1)} seconds`);
    const metres = [2, 5, 10, 20, 50, 100, 200, 500].find((length) => length * state.scale >= 60) || 1000;
    document.querySelector(".scale i").style.width = `${metres * state.scale}px`;
    text("scale-text", `${metres} m`);
  }

  function drawBand() {
    const band = byId("band"), ratio = fit(band), context = band.getContext("2d");
    const width = band.clientWidth, height = band.clientHeight, x = (t) => (end > 0 ? (t / end) * width : 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.fillStyle = colors.hairline;
    context.fillRect(0, 14, width, 6);
    drive.modes.forEach((mode, i) => {
      const to = i + 1 < drive.modes.length ? drive.modes[i + 1].t : end;
      context.fillStyle = { normal: colors.pass, degraded: colors.warn, minimal_risk: colors.fail }[mode.mode];
      context.globalAlpha = mode.mode === "normal" ? 0.45 : 1;
      context.fillRect(x(mode.t), 14, Math.max(x(to) - x(mode.t), 1), 6);
      context.globalAlpha = 1;
    });
    if (drive.ego.engaged !== null) {
      context.fillStyle = colors.hairline;
      context.fillRect(0, 14, x(drive.ego.engaged), 6);
    }
    context.fillStyle = colors.accent;
    context.fillRect(0, 16, x(state.t), 2);
    context.fillStyle = colors.faint;
    for (const event of drive.events) context.fillRect(x(event.t) - 0.75, 7, 1.5, 6);
    if (!drive.verdict.passed && drive.verdict.t !== null) {
      context.fillStyle = colors.fail;
      context.beginPath();
      const mid = x(drive.verdict.t);
      context.moveTo(mid - 5, 0);
      context.lineTo(mid + 5, 0);
      context.lineTo(mid, 9);
      context.fill();
    }
    context.fillStyle = colors.accent;
    context.beginPath();
    context.arc(Math.min(Math.max(x(state.t), 7), width - 7), 17, 7, 0, 7);
    context.fill();
  }

  // --- plots --------------------------------------------------------------------------------------------------------

  const kmh = (column) => column.map((v) => (v === null ? null : 3.6 * v));
  const S = drive.series;
  const PLOTS = [
    { id: "speed", unit: "km/h", digits: 0, zero: true, curves: [
      { values: kmh(S.setSpeed), color: "faint", dash: [5, 4], name: "set" }, { values: kmh(S.speed), color: "accent", name: "speed" }] },
    { id: "acceleration", unit: "m/s²", digits: 1, least: 2, curves: [
      { values: S.demand, color: "lead", name: "demand", thin: true }, { values: S.acceleration, color: "accent", name: "actual" }] },
    { id: "gap", unit: "m", digits: 1, zero: true, most: 120, curves: [
      { values: S.requiredGap, color: "fail", dash: [5, 4], name: "required" }, { values: S.gap, color: "accent", name: "gap" }] },
    { id: "ttc", unit: "s", digits: 1, zero: true, most: 10, curves: [{ values: S.ttc, color: "accent", name: "TTC" }] },
    { id: "lateral", unit: "m", digits: 2, least: 0.4, curves: [
      { values: S.lateralMax, color: "fail", dash: [5, 4] }, { values: S.lateralMin, color: "fail", dash: [5, 4], name: "edges" },
      { values: S.lateral, color: "accent", name: "offset" }] },
    { id: "steering", unit: "°", digits: 1, least: 1, curves: [{ values: S.steering, color: "accent", name: "wheel" }] },
  ].map((plot) => ({ ...plot, canvas: byId(`plot-${plot.id}`), range: rangeOf(plot), base: document.createElement("canvas") }));
  const LEFT = 34, BOTTOM = 16, TOP = 5;

  function rangeOf(plot) {
    let low = plot.zero ? 0 : Infinity, high = -Infinity;
    for (const curve of plot.curves) for (const value of curve.values) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, plot.most ? Math.min(value, plot.most) : value);
    }
    if (!(low < Infinity && high > -Infinity)) [low, high] = [0, 1];
    const middle = 0.5 * (low + high), half = Math.max(0.5 * (high - low) * 1.08, plot.least || 0.5);
    return plot.zero ? [0, Math.max(high * 1.08, 1)] : [middle - half, middle + half];
  }

  function stepOf(span, count) {
    const raw = span / count, power = 10 ** Math.floor(Math.log10(raw));
    return power * ([1, 2, 5].find((factor) => factor * power >= raw) || 10);
  }

  function drawPlot(plot) {
    const ratio = fit(plot.canvas), width = plot.canvas.clientWidth, height = plot.canvas.clientHeight;
    plot.base.width = plot.canvas.width;
    plot.base.height = plot.canvas.height;
    const context = plot.base.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const [low, high] = plot.range;
    plot.x = (t) => LEFT + (end > 0 ? t / end : 0) * (width - LEFT - 6);
    plot.y = (value) => TOP + (1 - (value - low) / (high - low)) * (height - TOP - BOTTOM);
    context.font = "10.5px system-ui, sans-serif";
    context.strokeStyle = colors.hairline;
    context.fillStyle = colors.muted;
    context.lineWidth = 1;
    const rise = stepOf(high - low, 3), run = stepOf(end || 1, 7);
    context.textAlign = "right";
    for (let value = Math.ceil(low / rise) * rise; value <= high + 1e-9; value += rise) {
      context.beginPath();
      context.moveTo(LEFT, Math.round(plot.y(value)) + 0.5);
      context.lineTo(width - 6, Math.round(plot.y(value)) + 0.5);
      context.stroke();
      context.fillText(String(+value.toFixed(6)).replace("-", "−"), LEFT - 5, plot.y(value) + 3.5);
    }
    context.textAlign = "center";
    for (let t = 0; t <= end + 1e-9; t += run) context.fillText(String(+t.toFixed(6)), plot.x(t), height - 3);
    context.save();
    context.beginPath();
    context.rect(LEFT, TOP - 2, width - LEFT, height - TOP - BOTTOM + 4);
    context.clip();
    for (const curve of plot.curves) drawCurve(context, plot, curve);
    context.restore();
  }

  function drawCurve(context, plot, curve) {
    context.strokeStyle = colors[curve.color];
    context.lineWidth = curve.dash || curve.thin ? 1.2 : 1.8;
    context.setLineDash(curve.dash || []);
    context.lineJoin = "round";
    context.beginPath();
    let down = false;
    curve.values.forEach((value, i) => {
      if (value === null) { down = false; return; }
      context[down ? "lineTo" : "moveTo"](plot.x(times[i]), plot.y(value));
      down = true;
    });
    context.stroke();
    context.setLineDash([]);
  }

  function drawCursor(plot, place) {
    const context = plot.canvas.getContext("2d"), ratio = devicePixelRatio || 1;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, plot.canvas.width, plot.canvas.height);
    context.drawImage(plot.base, 0, 0);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.strokeStyle = colors.ink;
    context.globalAlpha = 0.55;
    context.beginPath();
    context.moveTo(plot.x(state.t), TOP);
    context.lineTo(plot.x(state.t), plot.canvas.clientHeight - BOTTOM);
    context.stroke();
    context.globalAlpha = 1;
    const told = [];
    for (const curve of plot.curves) {
      const value = at(curve.values, place);
      if (value === null) continue;
      if (!curve.dash && value >= plot.range[0] && value <= plot.range[1]) {
        context.fillStyle = colors[curve.color];
        context.beginPath();
        context.arc(plot.x(state.t), plot.y(value), 3, 0, 7);
        context.fill();
      }
      if (curve.name && curve.name !== "edges") told.push(`${curve.name} ${value.toFixed(plot.digits).replace("-", "−")}`);
    }
    text(`legend-${plot.id}`, told.length ? `${told.reverse().join(" · ")} ${plot.unit}` : "–");
  }

  // --- what the cameras saw -----------------------------------------------------------------------------------------

  function showPictures() {
    drive.cameras.forEach((camera, index) => {
      const picture = latest(camera.pictures, state.t) || camera.pictures[0];
      const image = byId(`camera-${index}`);
      if (image.dataset.t !== String(picture.t)) {
        image.dataset.t = picture.t;
        image.src = `data:image/jpeg;base64,${picture.jpeg}`;
      }
    });
  }

  // --- what the planner weighed -------------------------------------------------------------------------------------

  const weighed = drive.weighed, CHEAPEST = 10, DEAREST = 50;
  const unpacked = new Map();  // instants that have been inflated; null while that lasts

  // The last instant that was weighed, once it is there.
  function opened() {
    const instant = latest(weighed.instants, state.t);
    if (!instant) return null;
    if (!unpacked.has(instant)) {
      unpacked.set(instant, null);
      inflate(instant).then(
        (told) => { unpacked.set(instant, told); state.dirty = true; },
        () => text("weighed-count", "This browser cannot unpack them: use one of 2023 or later (DecompressionStream)."),
      );
    }
    return unpacked.get(instant);
  }

  async function inflate(instant) {
    const bytes = Uint8Array.from(atob(instant.packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const buffer = await new Response(stream).arrayBuffer();
    const count = instant.count, cells = count * instant.terms.length;
    const costs = new Int32Array(buffer, 0, cells), names = new Uint32Array(buffer, 4 * cells, count);
    const places = new Int16Array(buffer, 4 * (cells + count));
    const total = Float64Array.from({ length: count }, (_, i) => {
      let sum = 0;
      for (let c = 0; c < instant.terms.length; c++) sum += costOf(costs[c * count + i]);
      return sum;
    });
    const order = Uint32Array.from({ length: count }, (_, i) => i).sort((a, b) => total[a] - total[b] || a - b);
    const least = total[order[0]], dearness = total.map((cost) => Math.min(Math.log1p(cost - least) / Math.log1p(DEAREST), 1));
    return { ...instant, costs, names, places, total, order, dearness, points: places.length / (2 * count), step: weighed.step.path };
  }

  const costOf = (steps) => (steps === weighed.noCost ? Infinity : steps * weighed.step.cost);

  let listed = { told: null, all: null };
  function listCandidates() {
    const table = byId("weighed");
    if (!table) return;
    const told = opened(), all = byId("weighed-all").getAttribute("aria-pressed") === "true";
    if (!told || (listed.told === told && listed.all === all)) return;
    listed = { told, all };
    state.pointed = null;
    const cell = (kind, value, numeric) => {
      const made = document.createElement(kind);
      made.textContent = value;
      if (numeric) made.className = "number";
      return made;
    };
    const head = document.createElement("tr");
    head.append(cell("th", "candidate"), cell("th", "cost", true), ...told.terms.map((term) => cell("th", term, true)));
    table.tHead.replaceChildren(head);
    const chosen = told.chosen < 0 ? [] : [told.chosen], others = [...told.order].filter((i) => i !== told.chosen);
    const ranks = [...chosen, ...others].slice(0, all ? told.count : CHEAPEST);
    table.tBodies[0].replaceChildren(...ranks.map((i) => {
      const row = document.createElement("tr");
      row.append(cell("td", weighed.names[told.names[i]].replaceAll("m/s2", "m/s²")), cell("td", figure(told.total[i]), true));
      told.terms.forEach((_, c) => {
        const cost = costOf(told.costs[c * told.count + i]), made = cell("td", cost === 0 ? "·" : figure(cost), true);
        const share = cost === 0 ? 0 : Math.min(Math.log1p(cost) / Math.log1p(DEAREST), 1);
        made.style.background = `color-mix(in srgb, var(--slow) ${Math.round(45 * share)}%, transparent)`;
        row.append(made);
      });
      if (i === told.chosen) row.className = "chosen";
      row.onpointerenter = () => { state.pointed = i; state.dirty = true; };
      row.onpointerleave = () => { state.pointed = null; state.dirty = true; };
      return row;
    }));
    text("weighed-count", `${told.count} candidates at ${told.t.toFixed(1)} s.`);
  }

  const figure = (cost) => (Number.isFinite(cost) ? cost.toFixed(2).replace("-", "−") : "∞");

  // --- the loop -----------------------------------------------------------------------------------------------------

  function draw() {
    const place = rowAt(state.t);
    drawScene(place);
    tellFigures(place);
    drawBand();
    for (const plot of PLOTS) drawCursor(plot, place);
    showPictures();
    listCandidates();
  }

  let before = null;
  function frame(now) {
    if (state.playing) {
      if (before !== null) seek(state.t + state.rate * Math.min((now - before) / 1000, 0.25));
      if (state.t >= end) play(false);
    }
    before = now;
    if (state.dirty) {
      state.dirty = false;
      draw();
    }
    requestAnimationFrame(frame);
  }

  function play(on) {
    if (on && state.t >= end - 1e-6) seek(0);
    state.playing = on;
    const button = byId("play");
    button.textContent = on ? "❚❚" : "▶";
    button.setAttribute("aria-label", on ? "Pause" : "Play");
  }

  function layout() {
    for (const plot of PLOTS) drawPlot(plot);
    state.dirty = true;
  }

  function theme(name) {
    document.documentElement.dataset.theme = name;
    colors = drive.themes[name];
    layout();
  }

  function zoom(factor, x, y) {
    const m = camera(rowAt(state.t)), scale = Math.min(Math.max(state.scale * factor, 0.6), 60);
    if (!state.follow && x !== undefined) {
      // What lies below the pointer stays there.
      const k = (m.a * m.a + m.b * m.b), dx = x - m.e, dy = y - m.f;
      const wx = (m.a * dx + m.b * dy) / k, wy = (m.c * dx + m.d * dy) / k, share = 1 - state.scale / scale;
      state.centre = [state.centre[0] + share * (wx - state.centre[0]), state.centre[1] + share * (wy - state.centre[1])];
    }
    state.scale = scale;
    state.dirty = true;
  }

  function toggle(name, on) {
    state[name] = on;
    byId(name).setAttribute("aria-pressed", String(on));
    state.dirty = true;
  }

  function showKeys(on) {
    byId("keys").hidden = !on;
    byId("help").setAttribute("aria-expanded", String(on));
  }

  function rate(step) {
    const select = byId("rate"), index = Math.min(Math.max(select.selectedIndex + step, 0), select.options.length - 1);
    select.selectedIndex = index;
    state.rate = Number(select.value);
  }

  const switchTheme = () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  const nextEvent = () => {
    const found = drive.events.find((event) => event.t > state.t + 1e-3);
    if (found) seek(found.t);
  };
  const KEYS = {
    " ": () => play(!state.playing),
    ArrowLeft: (e) => seek(state.t - (e.shiftKey ? 1 : 0.1)),
    ArrowRight: (e) => seek(state.t + (e.shiftKey ? 1 : 0.1)),
    Home: () => seek(0),
    End: () => seek(end),
    "+": () => zoom(1.25), "=": () => zoom(1.25), "-": () => zoom(0.8),
    "<": () => rate(-1), ">": () => rate(1),
    f: () => toggle("follow", !state.follow),
    c: () => { if (byId("ways")) toggle("ways", !state.ways); },
    n: () => toggle("north", !state.north),
    e: nextEvent, d: switchTheme,
    "?": () => showKeys(byId("keys").hidden),
    Escape: () => showKeys(false),
  };

  addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target.tagName === "SELECT") return;
    if (e.key === " " && e.target.tagName === "BUTTON") return;
    const action = KEYS[e.key];
    if (!action) return;
    e.preventDefault();
    action(e);
  });
  byId("play").onclick = () => play(!state.playing);
  byId("scrub").oninput = (e) => seek(Number(e.target.value));
  byId("rate").onchange = (e) => { state.rate = Number(e.target.value); };
  byId("zoom-in").onclick = () => zoom(1.25);
  byId("zoom-out").onclick = () => zoom(0.8);
  byId("follow").onclick = () => toggle("follow", !state.follow);
  if (byId("ways")) {
    byId("ways").onclick = KEYS.c;
    byId("weighed-all").onclick = (e) => {
      e.target.setAttribute("aria-pressed", String(e.target.getAttribute("aria-pressed") !== "true"));
      state.dirty = true;
    };
  }
  byId("north").onclick = () => toggle("north", !state.north);
  byId("help").onclick = () => showKeys(byId("keys").hidden);
  byId("theme").onclick = switchTheme;
  for (const button of document.querySelectorAll("[data-seek]")) {
    button.onclick = () => {
      if (button.dataset.seek === "") return;
      play(false);
      seek(Number(button.dataset.seek));
      byId("birdseye").scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
    };
  }
  for (const plot of PLOTS) {
    const move = (e) => {
      if (e.buttons !== 1) return;
      const box = plot.canvas.getBoundingClientRect();
      seek(((e.clientX - box.left - LEFT) / (box.width - LEFT - 6)) * end);
    };
    plot.canvas.onpointerdown = (e) => { plot.canvas.setPointerCapture(e.pointerId); move(e); };
    plot.canvas.onpointermove = move;
  }
  canvas.addEventListener("wheel", (e) => {
    e.preventDefault();
    zoom(Math.exp(-0.0016 * e.deltaY), e.offsetX, e.offsetY);
  }, { passive: false });
  let held = null;
  canvas.onpointerdown = (e) => { canvas.setPointerCapture(e.pointerId); held = [e.clientX, e.clientY]; };
  canvas.onpointerup = canvas.onpointercancel = () => { held = null; };
  canvas.onpointermove = (e) => {
    if (!held) return;
    const dx = e.clientX - held[0], dy = e.clientY - held[1];
    if (state.follow && Math.hypot(dx, dy) < 4) return;
    const m = camera(rowAt(state.t)), k = m.a * m.a + m.b * m.b;
    toggle("follow", false);
    state.centre = [state.centre[0] - (m.a * dx + m.b * dy) / k, state.centre[1] - (m.c * dx + m.d * dy) / k];
    held = [e.clientX, e.clientY];
  };

  new ResizeObserver(layout).observe(document.querySelector("main"));
  theme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const asked = /^#t=([0-9.]+)$/.exec(location.hash);
  if (asked) seek(Number(asked[1]));
  else if (!drive.verdict.passed && drive.verdict.t !== null) seek(drive.verdict.t);
  requestAnimationFrame(frame);
})();
