//! The page around the parts.

use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Colours for both schemes; levels go from nothing to all in one hue, and each has a letter too.
const STYLE: &str = "
:root{color-scheme:light dark;--paper:#fff;--ink:#1b1f24;--soft:#5b6470;--line:#d5dae1;--wash:#f5f7f9;
--l0:#eceff2;--l1:#d3e3f4;--l2:#a5c8ec;--l3:#5f9fdc;--l4:#1f6fbf;--i4:#fff;--wider:#b3261e;--narrower:#1d7a3e;--either:#8a5a00;--bar:#8aa4bf;--none:#f2c9c6}
@media (prefers-color-scheme:dark){:root{--paper:#14171a;--ink:#e6e9ec;--soft:#9aa5b1;--line:#363d45;--wash:#1c2126;
--l0:#262c32;--l1:#1f3a55;--l2:#24527d;--l3:#3277b5;--l4:#69aef0;--i4:#0b1117;--wider:#ff8a80;--narrower:#7bd88f;--either:#f2c14e;--bar:#51677d;--none:#5c2622}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1.5rem;max-width:75rem;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
h1{font-size:1.5rem;margin:0 0 .5rem}h2{font-size:1.2rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:1.25rem 0 .4rem}
p{margin:.4rem 0}.soft{color:var(--soft)}
code{font:.9em ui-monospace,monospace;overflow-wrap:anywhere}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem}
th,td{border-bottom:1px solid var(--line);padding:.3rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}
thead th{background:var(--wash);font-weight:600}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
.wider{color:var(--wider);font-weight:600}.either{color:var(--either);font-weight:600}.narrower{color:var(--narrower);font-weight:600}
.verdict{display:inline-block;border:2px solid currentColor;border-radius:.4rem;padding:.2rem .7rem;font-weight:600}
ul.tiles{display:flex;flex-wrap:wrap;gap:.75rem;list-style:none;padding:0;margin:1rem 0}
ul.tiles li{background:var(--wash);border:1px solid var(--line);border-radius:.4rem;padding:.5rem .9rem;min-width:8rem}
ul.tiles b{display:block;font-size:1.4rem;font-variant-numeric:tabular-nums}
.grid td{padding:.15rem .5rem}
svg text{font:600 11px ui-monospace,monospace;text-anchor:middle;dominant-baseline:central}
.l0{fill:var(--l0)}.l1{fill:var(--l1)}.l2{fill:var(--l2)}.l3{fill:var(--l3)}.l4{fill:var(--l4)}
.ink{fill:var(--ink)}.ink4{fill:var(--i4)}
.mark-wider{stroke:var(--wider)}.mark-either{stroke:var(--either)}.mark-narrower{stroke:var(--narrower)}
.mark-wider,.mark-either,.mark-narrower{fill:none;stroke-width:2.5}
.bar{fill:var(--bar)}.more{fill:var(--wider)}.less{fill:var(--narrower)}.rail{fill:var(--wash)}
.none{background:var(--none)}
.h1{background:var(--l1)}.h2{background:var(--l2)}.h3{background:var(--l3)}.h4{background:var(--l4);color:var(--i4)}
.r0,.r1,.r2{display:inline-block;width:1.3em;text-align:center;border-radius:.2rem;margin:1px}
.r0{background:var(--none)}.r1{background:var(--l1)}.r2{background:var(--l4);color:var(--i4)}
.legend{display:flex;flex-wrap:wrap;gap:.9rem;font-size:.85rem;align-items:center}
.legend svg{vertical-align:middle}
.unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
";

/// What a browser may load for this page: nothing.
const NOTHING: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn page(title: &str, parts: &[Markup]) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(NOTHING);
                title { (title) }
                // A constant of this file: nothing that was read stands in it.
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    @for part in parts { (part) }
                }
            }
        }
    }
}

/// A figure with what it counts.
pub(super) fn tile(figure: impl std::fmt::Display, of: &str) -> Markup {
    html! { li { b { (figure.to_string()) } (of) } }
}
