#include "edge/web/status_style.hpp"

namespace dayaq::edge::web {

// The colours and measures of the centre's pages (web/static/dayaq.css), without what this page doesn't have.
std::string_view status_style() {
  return R"css(:root{color-scheme:light dark;--paper:#f6f5f0;--card:#fff;--ink:#16252b;--soft:#4a5b62;--line:#d8d5ca;
--faint:#eceae2;--brand:#0e3f4a;--on-brand:#fff;--gold:#e6bd6a;--link:#0a5672;--focus:#9a2446;
--bar:#2f7f8b;--area:#dcebe8;--go:#1c5a38;--go-bg:#dfeee3;--wait:#6a4700;--wait-bg:#f8ecce;
--bad:#8c1d3c;--bad-bg:#fae6ea}@media(prefers-color-scheme:dark){:root{--paper:#10191c;--card:#172327;
--ink:#e7ecea;--soft:#a9b8ba;--line:#33444a;--faint:#1e2d32;--brand:#0b2c34;--link:#8fcbe0;
--focus:#ffd27a;--bar:#5fb0ba;--area:#1c3d45;--go:#a4dcb7;--go-bg:#173626;--wait:#f1d38b;
--wait-bg:#3a2f12;--bad:#ffb3c2;--bad-bg:#431c28}}*{box-sizing:border-box}body{margin:0;
background:var(--paper);color:var(--ink);
font:1.0625rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",Arial,sans-serif;
overflow-wrap:break-word;font-variant-numeric:tabular-nums}h1,h2,h3{hyphens:auto;line-height:1.2;
margin:0;letter-spacing:-.011em;text-wrap:balance}h1{font-size:clamp(1.6rem,1.2rem + 2vw,2.4rem);
font-weight:700}h2{font-size:clamp(1.2rem,1.1rem + .7vw,1.5rem);font-weight:650;margin-bottom:.9rem}h3{
font-size:1rem;font-weight:650}p,ul,dl,table,figure{margin:0}p{max-width:66ch}a{color:var(--link);
text-underline-offset:.18em}:focus-visible{outline:3px solid var(--focus);outline-offset:3px;
border-radius:2px}.wrap{max-width:70rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}.soft{
color:var(--soft)}.small{font-size:.9375rem}.skip{position:absolute;left:1rem;top:-5rem;
background:var(--card);padding:.6rem 1rem}.skip:focus{top:.5rem}.top{background:var(--brand);
color:var(--on-brand);border-bottom:3px solid var(--gold);--focus:#ffd27a}.top .wrap{display:flex;
flex-wrap:wrap;align-items:center;gap:.25rem 1.75rem;padding-block:.7rem}.top a{color:inherit}.logo{
font-size:1.25rem;font-weight:700}.lang{margin-left:auto}.lang ul,.foot ul{display:flex;flex-wrap:wrap;
gap:.1rem 1.1rem;list-style:none;padding:0}.lang a,.lang b{display:block;padding:.5rem 0;
text-decoration:none}.lang b{border-bottom:2px solid var(--gold);font-weight:650}.lang a:hover{
text-decoration:underline}main.wrap{padding-top:1.75rem}section{margin-top:clamp(2rem,4vw,3rem)}.tags{
display:flex;flex-wrap:wrap;align-items:center;gap:.4rem .8rem;margin-bottom:.7rem;color:var(--soft)}
.tag{display:inline-block;padding:.05rem .6rem;border-radius:1rem;font-weight:600;font-size:.9375rem}
.go{background:var(--go-bg);color:var(--go)}.wait{background:var(--wait-bg);color:var(--wait)}.bad{
background:var(--bad-bg);color:var(--bad)}.note{border-left:4px solid #c18d1c;background:var(--wait-bg);
padding:.8rem 1.1rem;margin-top:1rem}.note.bad{border-color:var(--bad);background:var(--bad-bg);
color:inherit}.figs{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,8.5rem),1fr));
border-block:1px solid var(--line);margin-top:1.4rem}.figs div{display:flex;
flex-direction:column-reverse;justify-content:flex-end;padding:.9rem 1rem .9rem 0}.figs dt{
color:var(--soft);font-size:.9375rem;line-height:1.35}.figs dd{margin:0;
font-size:clamp(1.2rem,.95rem + 1.4vw,1.9rem);font-weight:650;letter-spacing:-.02em;white-space:nowrap}
.grid{display:grid;gap:1.1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,19rem),1fr))}
.figs + p{margin-top:.6rem}.card{background:var(--card);border:1px solid var(--line);border-radius:6px;
padding:clamp(1rem,2.5vw,1.4rem);min-width:0}.card figcaption p{font-size:.9375rem}.chart{display:block;
width:100%;height:6rem;margin-top:.6rem;border-bottom:1px solid var(--line)}.chart .a{fill:var(--area)}
.chart .l{fill:none;stroke:var(--bar);stroke-width:2;vector-effect:non-scaling-stroke;
stroke-linejoin:round}table{width:100%;border-collapse:collapse;background:var(--card);
border:1px solid var(--line);border-radius:6px}th,td{padding:.55rem .9rem;text-align:left;
border-top:1px solid var(--faint);font-weight:inherit;vertical-align:baseline}thead th{
color:var(--soft);font-size:.9375rem;border-top:0}.num{text-align:right;white-space:nowrap}.scroll{
overflow-x:auto}.facts{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.4rem 1.25rem}
.facts dt{color:var(--soft)}.facts dd{margin:0;text-align:right;font-weight:600}.foot{margin-top:3.5rem;
border-top:1px solid var(--line);color:var(--soft);font-size:.9375rem}.foot .wrap{
padding-block:1.5rem 2.5rem;display:grid;gap:.5rem}@media(max-width:30rem){th,td{padding:.5rem .6rem}}
)css";
}

}  // namespace dayaq::edge::web
