"""Draws docs/images/rewrite.svg: one layer on two ranks, before and after.

Run it again after a change: python3 docs/images/draw_rewrite.py
"""

import pathlib

WIDTH, ROW, BOX = 860, 34, 250
PLAIN, SUM, FUSED, LOOP = "#eef2f7", "#fde9c8", "#cfe8cf", "#8896a8"

BEFORE = [
    ("rms_norm  attn_norm[l]", PLAIN),
    ("query, key, value", PLAIN),
    ("attention", PLAIN),
    ("output projection: partial", PLAIN),
    ("all_reduce", SUM),
    ("add to the residual", SUM),
    ("rms_norm  ffn_norm[l]", SUM),
    ("gate, up, silu_mul", PLAIN),
    ("down projection: partial", PLAIN),
    ("all_reduce", SUM),
    ("add to the residual", SUM),
]
AFTER = [
    ("query, key, value: one product", PLAIN),
    ("attention", PLAIN),
    ("output projection: partial", PLAIN),
    ("all_reduce_residual_rms_norm  ffn_norm[l]", FUSED),
    ("gate and up: one product, silu_mul", PLAIN),
    ("down projection: partial", PLAIN),
    ("all_reduce_residual_rms_norm  next_norm[l]", FUSED),
]


def text(x, y, content, size=13, anchor="middle", weight="normal"):
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{content}</text>'
    )


def box(x, y, width, label, fill):
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="24" rx="4" fill="{fill}" '
        f'stroke="#445"/>' + text(x + width / 2, y + 16.5, label)
    )


def column(x, width, title, first, rows, last, top=60):
    parts = [text(x + width / 2, 24, title, 15, weight="bold")]
    y = top
    if first:
        parts.append(box(x, y, width, first, PLAIN))
    y += ROW + 14
    height = len(rows) * ROW + 12
    parts.append(
        f'<rect x="{x - 14}" y="{y - 11}" width="{width + 28}" height="{height}" '
        f'rx="8" fill="none" stroke="{LOOP}" stroke-dasharray="5 4"/>'
    )
    parts.append(text(x - 22, y + height / 2, "32 layers", 12, "end"))
    for label, fill in rows:
        parts.append(box(x, y, width, label, fill))
        y += ROW
    if last:
        parts.append(box(x, y + 14, width, last, PLAIN))
    return parts, y + 50


def main():
    left, bottom = column(
        90, BOX, "As imported, on 2 ranks", "", BEFORE, "rms_norm  output_norm"
    )
    right, _ = column(
        500, BOX + 70, "Hoisted and fused", "rms_norm  attn_norm[0]", AFTER, ""
    )
    note = text(
        500 + (BOX + 70) / 2,
        bottom - 84,
        "next_norm = attn_norm[1 to 32], output_norm",
        12,
    )
    svg = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{bottom}" '
        f'viewBox="0 0 {WIDTH} {bottom}" font-family="DejaVu Sans, sans-serif">',
        f'<rect width="{WIDTH}" height="{bottom}" fill="white"/>',
        *left,
        *right,
        note,
        "</svg>",
    ]
    path = pathlib.Path(__file__).with_name("rewrite.svg")
    path.write_text("\n".join(svg) + "\n")


if __name__ == "__main__":
    main()
