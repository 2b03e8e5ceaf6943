"""The charts, as SVG that is legible on light and on dark ground."""

from __future__ import annotations

import math
from xml.sax.saxutils import escape

from deploy.bench.runner.report import Report

_WIDTH, _ROW, _LEFT, _RIGHT = 760, 28, 130, 150
_STYLE = """<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 } .faint { fill: #59636e }
.bar { fill: #8c959f } .ours { fill: #0969da } .line { stroke: #59636e; stroke-dasharray: 3 3 } .ci { stroke: #1f2328 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.faint { fill: #9198a1 } .bar { fill: #656c76 } .ours { fill: #4493f8 } .line { stroke: #9198a1 }
.ci { stroke: #f0f6fc } }
</style>"""


def peers_chart(report: Report) -> str:
    """Bars on a logarithmic scale: how long each way to run Python's hello world takes; bare is 1."""
    rows = sorted(report.peers.items(), key=lambda item: item[1].ratio.value)
    lowest = min(0.1, *(peer.ratio.low for _, peer in rows))
    highest = max(10.0, *(peer.ratio.high for _, peer in rows))
    span = _WIDTH - _LEFT - _RIGHT

    def x(value: float) -> float:
        return _LEFT + span * (math.log(value / lowest)) / math.log(highest / lowest)

    height = 60 + _ROW * len(rows)
    parts = ['<text class="title" x="0" y="16">Python hello world: time as a ratio to the bare interpreter</text>']
    parts.append(f'<line class="line" x1="{x(1):.1f}" x2="{x(1):.1f}" y1="30" y2="{height - 20}"/>')
    parts.append(f'<text class="faint" x="{x(1) - 12:.1f}" y="{height - 4}">bare</text>')
    for number, (name, peer) in enumerate(rows):
        top, kind = 34 + _ROW * number, "ours" if name == "service" else "bar"
        middle, ratio = top + 9, peer.ratio
        parts.append(f'<text x="0" y="{top + 14}">{escape(name)}</text>')
        parts.append(
            f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{x(ratio.value) - _LEFT:.1f}" height="18" rx="2"/>'
        )
        parts.append(f'<line class="ci" x1="{x(ratio.low):.1f}" x2="{x(ratio.high):.1f}" y1="{middle}" y2="{middle}"/>')
        label = f"{ratio.value:.2f}  ({peer.median_ms:.1f} ms)"
        parts.append(f'<text x="{x(ratio.high) + 8:.1f}" y="{top + 14}">{label}</text>')
    return _svg(height, parts)


def load_chart(report: Report) -> str:
    """Bars: runs a second by the number of clients, with the median and the 99th percentile of each run."""
    highest = max(load.runs_per_second for load in report.loads)
    span, height = _WIDTH - _LEFT - 260, 44 + _ROW * len(report.loads)
    parts = [f'<text class="title" x="0" y="16">Runs a second on {report.cores} cores, by clients at once</text>']
    for number, load in enumerate(report.loads):
        top, wide = 34 + _ROW * number, span * load.runs_per_second / highest
        parts.append(f'<text x="0" y="{top + 14}">{load.clients} client{"s" * (load.clients > 1)}</text>')
        parts.append(_bar("ours", top, wide))
        label = f"{load.runs_per_second:.0f}/s, p50 {load.p50_ms:.1f} ms, p99 {load.p99_ms:.1f} ms"
        parts.append(f'<text x="{_LEFT + wide + 8:.1f}" y="{top + 14}">{label}</text>')
    return _svg(height, parts)


def _bar(kind: str, top: int, wide: float) -> str:
    return f'<rect class="{kind}" x="{_LEFT}" y="{top}" width="{wide:.1f}" height="18" rx="2"/>'


def _svg(height: int, parts: list[str]) -> str:
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', _STYLE, *parts, "</svg>"]) + "\n"
