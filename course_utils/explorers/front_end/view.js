// The view of an explorer: its controls, the picture, the words, a table of the numbers.
//
// It is the same in JupyterLab and on a page without a kernel: what a move leads to is asked of
// `ask`, and comes back as one object that holds all that is shown, so that box, words and picture
// always agree. At most one question is under way: of the moves that come meanwhile only the
// newest of each control is asked next.

const PATIENCE = 120; // milliseconds after which a picture that is being replaced is dimmed
const BUSY = 3000; // and after which the words say that an answer is late
const SPOKEN = 400; // of rest before the words are announced: a slider on its way stays silent

const KEYS = "Keys: Tab goes from control to control, ← → move a slider by one step, Page Up and " +
  "Page Down by ten, Home and End to its ends; in a box, Enter.";

/** Return an element with these attributes and children; a null attribute is left out. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

let views = 0;

class View {
  /**
   * @param root where to show the explorer.
   * @param spec what never changes: `prefix` of the CSS classes, `label`, `rows` of controls, and
   *     what is `fixed` in the picture.
   * @param draw (place, picture, size, fixed) fills the element `place` with what `picture` holds.
   * @param ask takes a request, `{request, set}` or `{request, press}`; the answer is given to
   *     `show`, its `answer` being that `request`.
   */
  constructor(root, spec, draw, ask) {
    Object.assign(this, { root, spec, draw, ask, queue: [], waiting: null, shown: null, written: {} });
    this.id = `${spec.prefix}-${Math.random().toString(36).slice(2)}-${views++}`;
    this.controls = new Map();
    this.asked = 0;
    root.classList.add("course-explorer", `${spec.prefix}-explorer-view`);
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", spec.label);
    root.append(this.makeControls(), ...this.makeParts());
    for (const focused of root.querySelectorAll("input, select, button, summary, [tabindex]")) {
      focused.setAttribute("data-lm-suppress-shortcuts", "true"); // its keys are not JupyterLab's
    }
    this.themeLeft = followTheme(root, () => this.paint());
    this.sizes = new ResizeObserver(() => this.fit());
    this.sizes.observe(root);
  }

  remove() {
    this.sizes.disconnect();
    this.themeLeft();
    for (const timer of [this.dimming, this.late, this.speaking]) clearTimeout(timer);
  }

  name(part, name) {
    part.classList.add(`${this.spec.prefix}-${name.replaceAll("_", "-")}`);
    return part;
  }

  // ---------------------------------------------------------------- what is made once

  makeControls() {
    const rows = this.spec.rows.map((row) => {
      const made = row.map((control) => this.makeControl(control));
      return element("div", { class: "controls" }, ...made);
    });
    return element("div", { class: "all-controls" }, ...rows);
  }

  makeControl(control) {
    const make = { number: "makeNumber", typed: "makeTyped", choice: "makeChoice", jumps: "makeJumps",
      button: "makeButton", progress: "makeProgress" }[control.kind];
    return this[make](control);
  }

  makeNumber(control) {
    const { name, label } = control, id = `${this.id}-${name}`;
    const slider = this.name(element("input", { type: "range", id, min: control.low,
      max: control.high, step: 1 }), `${name}-slider`);
    const text = this.makeBox(control, `${label}, typed`);
    const note = element("span", { class: "note" });
    slider.addEventListener("input", () => {
      this.move(name, "place", Number(slider.value));
    });
    slider.addEventListener("keydown", (event) => {
      const by = { PageUp: 10, PageDown: -10 }[event.key]; // browsers jump by a tenth of the way
      if (!by) return;
      event.preventDefault();
      slider.value = Number(slider.value) + by;
      this.move(name, "place", Number(slider.value));
    });
    this.controls.set(name, { control, slider, text, note });
    return element("span", { class: "number" },
      element("label", { for: id }, label), slider, text, note);
  }

  makeBox({ name, integer }, label) {
    const text = this.name(element("input", { type: "text", "aria-label": label, autocomplete: "off",
      inputmode: integer ? "numeric" : "decimal", spellcheck: "false" }), `${name}-text`);
    text.addEventListener("change", () => { // when it is left
      if (text.value !== this.written[name]) this.move(name, "typed", text.value);
    });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Escape") text.value = this.shown.values[name];
      if (event.key !== "Enter") return;
      event.preventDefault(); // JupyterLab does too, so that no change would be reported
      this.move(name, "typed", text.value);
    });
    return text;
  }

  makeTyped(control) {
    const { name, label } = control, text = this.makeBox(control, label);
    this.controls.set(name, { control, text });
    return element("label", { class: "typed" }, label, text);
  }

  makeChoice(control) {
    const { name, label, options } = control, id = `${this.id}-${name}`;
    const select = this.name(element("select", { id }), name);
    options.forEach(([value, words]) => select.append(new Option(words, value)));
    select.addEventListener("change", () => this.move(name, "chosen", select.value));
    this.controls.set(name, { control, select });
    return element("span", { class: "choice" }, element("label", { for: id }, label), select);
  }

  makeJumps(control) {
    const { name, label, options } = control, id = `${this.id}-${name}-jumps`;
    const buttons = options.map((option) => {
      const button = element("button", { type: "button" }, option);
      button.addEventListener("click", () => this.move(name, "jump", option));
      return button;
    });
    this.controls.set(`${name} jumps`, { control, buttons });
    return element("span", { class: "jumps", role: "group", "aria-labelledby": id },
      element("span", { id }, label), ...buttons);
  }

  makeButton(control) {
    const { name, label, primary } = control;
    const button = this.name(element("button", { type: "button", title: control.tip,
      class: primary ? "primary" : "" }, label), `${name}-button`);
    button.addEventListener("click", () => this.press(name));
    this.controls.set(name, { control, button });
    return button;
  }

  makeProgress(control) {
    const { name, label } = control;
    const bar = element("progress", { "aria-label": label, max: 1, value: 0 });
    const words = element("span");
    this.controls.set(name, { control, bar, words });
    return element("span", { class: "how-far" }, bar, words); // JupyterLab paints a .progress
  }

  makeParts() {
    const seen = { "aria-hidden": "true" }; // these words are heard from the status below
    this.correction = this.name(element("p", { class: "correction", ...seen }), "correction");
    this.picture = this.name(element("div", { class: "picture", role: "img" }), "picture");
    this.verdict = this.name(element("p", { class: "verdict", ...seen }), "verdict");
    this.table = element("div", { class: "table", tabindex: 0, role: "region",
      "aria-label": "the numbers" });
    this.details = element("details", {},
      element("summary", {}, "The numbers of this picture"), this.table);
    this.details.addEventListener("toggle", () => this.fillTable());
    this.live = this.name(element("p", { class: "spoken", role: "status", "aria-live": "polite" }),
      "status");
    const keys = element("p", { class: "keys" }, this.spec.keys ?? KEYS);
    return [this.correction, this.picture, this.verdict, this.live, this.details, keys];
  }

  // ---------------------------------------------------------------- moves, and their answers

  move(name, how, value) {
    const last = this.queue[this.queue.length - 1]?.set;
    const moves = { ...last, [name]: [how, value] };
    const alone = (one) => moves[one][0] === "jump" || this.controls.get(one)?.control.alone;
    const names = Object.keys(moves); // what one of them means may be another's matter
    if (last && (names.length === 1 || !names.some(alone))) last[name] = [how, value];
    else this.queue.push({ set: { [name]: [how, value] } });
    this.askNext();
  }

  press(name) {
    this.queue.push({ press: name });
    this.askNext();
  }

  askNext() {
    if (this.waiting !== null || !this.queue.length) return;
    this.waiting = `${this.id}-${this.asked++}`;
    if (!this.dimming) this.dimming = setTimeout(() => this.root.classList.add("waiting"), PATIENCE);
    this.late = setTimeout(() => this.say(BUSY_WORDS), BUSY);
    this.flying = this.queue.shift();
    this.ask({ request: this.waiting, ...this.flying });
  }

  /** Show a state: all of it at once, but controls that were moved meanwhile. */
  show(shown) {
    const answered = shown.answer === this.waiting;
    if (answered) {
      this.waiting = this.flying = null;
      clearTimeout(this.late);
      this.askNext();
    }
    this.shown = shown;
    this.answered = answered;
    this.showControls();
    if (this.waiting === null) {
      clearTimeout(this.dimming);
      this.dimming = null;
      this.root.classList.remove("waiting");
    }
    this.say(shown.correction);
    if (this.verdict.textContent !== shown.verdict) this.verdict.textContent = shown.verdict;
    this.picture.setAttribute("aria-label", shown.alt);
    this.paint();
    this.fillTable();
    this.speakSoon();
  }

  showControls() {
    const { values, places = {}, spoken = {}, disabled = [], notes = {} } = this.shown;
    const unanswered = [...this.queue, this.flying ?? {}];
    const moved = new Set(unanswered.flatMap((request) => Object.keys(request.set ?? {})));
    for (const [name, { control, slider, text, select, button, buttons, bar, words, note }] of
      this.controls) {
      const off = disabled.includes(name);
      for (const box of [slider, text, select, button]) if (box) box.disabled = off;
      if (note) note.textContent = notes[name] ?? "";
      if (bar) {
        [bar.value, bar.max] = this.shown.progress ?? [0, 1];
        words.textContent = this.shown.steps ?? "";
      }
      if (buttons) {
        const at = this.shown.jumped?.[control.name] ?? [];
        buttons.forEach((one) => one.setAttribute("aria-pressed", at.includes(one.textContent)));
      }
      if (moved.has(name) || !(name in values)) continue;
      if (text) this.write(text, name, values[name]);
      if (select) select.value = values[name];
      if (slider) {
        slider.value = places[name];
        slider.setAttribute("aria-valuetext", spoken[name]);
      }
    }
    const held = this.root.getRootNode().activeElement;
    if (held?.disabled && this.root.contains(held)) { // who pressed Start finds Stop under the keys
      held.parentElement.querySelector("button:enabled")?.focus();
    }
  }

  /** Show a value in its box, unless somebody is typing there and nothing has changed. */
  write(text, name, value) {
    const typing = text.matches(":focus") && text.value !== this.written[name];
    if (typing && value === this.written[name] && !this.answered) return;
    if (text.value !== value) text.value = value;
    this.written[name] = value;
  }

  say(words) {
    if (this.correction.textContent !== words) this.correction.textContent = words;
  }

  /** Announce the words once they rest, and only new ones: a training shows itself all the time. */
  speakSoon() {
    const words = [this.shown.correction, this.shown.verdict].filter(Boolean).join(" ");
    if (this.words === words) return;
    this.words = words;
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => { this.live.textContent = words; }, SPOKEN);
  }

  fillTable() {
    if (!this.details.open || !this.shown?.table) {
      this.table.replaceChildren(); // so that opening it shows no old numbers
      return;
    }
    const { caption, columns, rows } = this.shown.table;
    const cells = this.table.querySelectorAll("caption, th, td");
    const texts = [caption, ...columns, ...rows.flat()];
    if (cells.length === texts.length) { // who reads a cell stays in it
      cells.forEach((cell, i) => { if (cell.textContent !== texts[i]) cell.textContent = texts[i]; });
      return;
    }
    const head = columns.map((column) => element("th", { scope: "col" }, column));
    const body = rows.map(([first, ...rest]) => element("tr", {},
      element("th", { scope: "row" }, first), ...rest.map((cell) => element("td", {}, cell))));
    this.table.replaceChildren(element("table", {}, element("caption", {}, caption),
      element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)));
  }

  // ---------------------------------------------------------------- size and colours

  fit() {
    const width = this.root.clientWidth;
    if (!width || width === this.width) return;
    this.width = width;
    this.root.classList.toggle("narrow", width < NARROW);
    this.root.classList.toggle("wide", width >= WIDE);
    this.paint();
  }

  paint() {
    if (!this.shown || !this.width) return;
    const style = getComputedStyle(this.picture);
    const width = Math.floor(this.picture.clientWidth);
    if (width < 80) return; // hidden, or squeezed between side bars
    const size = { width, letter: parseFloat(style.fontSize), narrow: this.width < NARROW,
      wide: this.width >= WIDE, dark: this.root.classList.contains("dark") };
    this.draw(this.picture, this.shown.picture, size, this.spec.fixed);
  }
}

const NARROW = 600, WIDE = 1400; // CSS pixels: a phone, and a projector
const BUSY_WORDS = "No answer yet: the kernel is busy with another cell, or it was stopped or " +
  "restarted. Then run this cell again; a page without cells, load it again.";

/** Be dark where the ground behind is, whoever made it so; what is returned ends that. */
function followTheme(root, changed) {
  const theme = () => {
    const dark = isDark(root);
    if (root.classList.contains("dark") === dark) return;
    root.classList.toggle("dark", dark);
    changed();
  };
  const themes = new MutationObserver(() => setTimeout(theme));
  for (const whole of [document.documentElement, document.body]) {
    themes.observe(whole, { attributes: true });
  }
  const night = matchMedia("(prefers-color-scheme: dark)");
  night.addEventListener("change", theme);
  requestAnimationFrame(theme);
  return () => {
    themes.disconnect();
    night.removeEventListener("change", theme);
  };
}

/** Whether the first ground behind an element that is painted at all is dark. */
function isDark(element) {
  for (let behind = element.parentElement; behind; behind = behind.parentElement) {
    const [red, green, blue, alpha = 1] = getComputedStyle(behind).backgroundColor
      .match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
    if (alpha > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  return scheme.includes("dark") && matchMedia("(prefers-color-scheme: dark)").matches;
}
