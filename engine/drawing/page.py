"""The chart as an HTML page that lights the arrows of an event.

The user points at the event, focuses it or taps it. The page is one file: it contains the picture,
the style and a short script, and loads nothing.
"""

from __future__ import annotations

import json
from html import escape
from string import Template

from callchart.engine.drawing.model import Diagram, DrawnReaction
from callchart.engine.drawing.palette import DARK, FRAME, Palette

_STYLE = """\
:root { color-scheme: light dark; --ink: #1f2933; --grey: #5b6775; --paper: #fbfcfd;
  --edge: #d0d7de; --lit: #1d5fa8; --on: #fff }
body { margin: 0 auto; max-width: 84rem; padding: .8rem; background: var(--paper);
  color: var(--ink); font: 15px/1.45 Helvetica, Arial, sans-serif }
h1 { font-size: 1.3rem; margin: 0 0 .3rem }
h2 { font-size: .8rem; margin: .6rem 0 .2rem; color: var(--grey); font-weight: normal }
p { margin: 0 0 .4rem; color: var(--grey) }
nav div { display: flex; flex-wrap: wrap; gap: .3rem }
button { font: inherit; font-size: .85rem; padding: .2rem .6rem; border-radius: 1rem;
  border: 1px solid var(--edge); background: none; color: inherit; cursor: pointer }
button:hover, button:focus-visible { outline: 2px solid var(--lit); outline-offset: 1px }
button[aria-pressed=true] { background: var(--lit); color: var(--on) }
#chart { overflow-x: auto; margin: .8rem 0 }
#chart svg { width: 100%; min-width: 70rem; height: auto; display: block }
#reactions { min-height: 8rem; overflow-wrap: anywhere }
#reactions ul { margin: .2rem 0; padding-left: 1.2rem }
svg [data-edge], svg [data-event] { transition: opacity .12s }
svg g[data-event] { cursor: pointer }
svg.dim [data-edge]:not(.lit), svg.dim .lit [data-event]:not(.hit) { opacity: .13 }
svg.dim .lit > path { stroke-width: 3 }
@media (max-width: 40rem) { nav div { flex-wrap: nowrap; overflow-x: auto; padding: .2rem }
  button { white-space: nowrap; padding: .4rem .8rem } }
@media (prefers-reduced-motion) { svg * { transition: none !important } }
"""

_SCRIPT = """\
const reactions = JSON.parse(document.getElementById("data").textContent);
const svg = document.querySelector("#chart svg");
const list = document.getElementById("reactions");
const buttons = [...document.querySelectorAll("button")];
let pinned = null;
const all = selector => svg.querySelectorAll(selector);
function light(event) {
  all(".lit, .hit").forEach(group => group.classList.remove("lit", "hit"));
  svg.classList.toggle("dim", event !== null);
  list.replaceChildren();
  if (event === null) return;
  for (const line of all(`g[data-event~="${event}"]`)) {
    line.classList.add("hit");
    const edge = line.closest("[data-edge]").dataset.edge;
    all(`[data-edge="${edge}"]`).forEach(group => group.classList.add("lit"));
  }
  const items = document.createElement("ul");
  for (const text of reactions[event]) {
    const item = document.createElement("li");
    item.textContent = text;
    items.append(item);
  }
  list.append(event.replace("after.", "after ").replace("-", ": "), items);
}
function pin(event) {
  pinned = pinned === event ? null : event;
  buttons.forEach(b => b.setAttribute("aria-pressed", b.dataset.event === pinned));
  light(pinned);
}
for (const button of buttons) {
  const event = button.dataset.event;
  for (const name of ["mouseenter", "focus"]) button.addEventListener(name, () => light(event));
  for (const name of ["mouseleave", "blur"]) button.addEventListener(name, () => light(pinned));
  button.addEventListener("click", () => pin(event));
}
for (const line of all("g[data-event]")) {
  const event = line.dataset.event.split(" ")[0];
  line.addEventListener("mouseenter", () => light(event));
  line.addEventListener("mouseleave", () => light(pinned));
  line.addEventListener("click", () => pin(event));
}
document.addEventListener("keydown", key => { if (key.key === "Escape" && pinned) pin(pinned); });
"""

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
$style</style>
</head>
<body>
<h1>$title</h1>
<p>Point at an event, or focus it with the Tab key: its arrows light up. After a click or a tap they
stay lit until you press Escape.</p>
<nav aria-label="Events and timers">
<h2>Events</h2>
<div>$events</div>
<h2>Timers</h2>
<div>$timers</div>
</nav>
<div id="chart" tabindex="0" aria-label="The chart">
$picture</div>
<div id="reactions" role="status"></div>
<script type="application/json" id="data">$data</script>
<script>
$script</script>
</body>
</html>
""")


def page(diagram: Diagram, picture: str, palette: Palette) -> str:
    """Return the page. `picture` is the SVG of the whole chart."""
    by_event: dict[str, list[DrawnReaction]] = {}
    for r in diagram.reactions:
        by_event.setdefault(r.event, []).append(r)
    moving = {event: rs for event, rs in by_event.items() if any(r.kind == "to" for r in rs)}
    texts = {event: [_text(diagram, r) for r in rs] for event, rs in moving.items()}
    buttons = {
        timed: "\n".join(
            _button(diagram, event, rs[0])
            for event, rs in moving.items()
            if (rs[0].timer is not None) == timed
        )
        for timed in (False, True)
    }
    return _PAGE.substitute(
        title=escape(f"The statechart: {diagram.title}"),
        style=_STYLE + _dark_style(palette),
        script=_SCRIPT,
        events=buttons[False],
        timers=buttons[True],
        picture=picture,
        # "<" could end the element that holds the data.
        data=json.dumps(texts, indent=0).replace("<", "\\u003c"),
    )


def _button(diagram: Diagram, event: str, r: DrawnReaction) -> str:
    name = f"{diagram.name(r.source)}: {r.trigger}" if r.timer else r.trigger
    return f'<button data-event="{escape(event)}" aria-pressed="false">{escape(name)}</button>'


def _text(diagram: Diagram, r: DrawnReaction) -> str:
    """Return the text about one reaction, below the chart."""
    match r.kind:
        case "to":
            does = f"→ {diagram.name(r.target or '')}"
        case "stay":
            does = "stays"
        case _:
            does = f"{'ignored' if r.kind == 'ignore' else 'deferred'}: {r.reason}"
    parts = (diagram.name(r.source), r.condition, does, f"/ {r.action}" if r.action else "")
    return " ".join(part for part in parts if part)


def _dark_style(palette: Palette) -> str:
    """Return the style of a dark page: it replaces every colour of the picture by a dark one."""
    colours = dict(DARK)
    for shade in dict.fromkeys((FRAME, *palette.values())):
        colours |= zip((shade.line, shade.fill, shade.body), shade.dark, strict=True)
    rules = "".join(
        f'svg [fill="{light}"] {{ fill: {dark} }} svg [stroke="{light}"] {{ stroke: {dark} }}\n'
        for light, dark in colours.items()
    )
    own = ":root { --ink: #e6edf3; --grey: #9aa7b4; --paper: #0f1419; --edge: #3a444e;\n"
    own += "  --lit: #8dbdf0; --on: #0f1419 }\n"
    return f"@media (prefers-color-scheme: dark) {{\n{own}{rules}}}\n"
