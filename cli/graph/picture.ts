import { type EdgeConfig, graphlib, type GraphEdge as PlacedEdge, layout, type Node } from "@dagrejs/dagre";
import { escapeHtml } from "../../components/shared/html";
import { classOf, signs } from "../../components/verification/report/page";
import type { Graph, GraphEdge, GraphNode } from "./graph";

/** Pixels. The width of a character is that of a wide one in the picture's font, so that no text leaves its box. */
const [characterWidth, lineHeight, padding] = [7.5, 17, 10];

/** Of an arrow's label; the tables of the page have the rest. */
const [mostLines, longestLine] = [3, 28];

/** The graph as one SVG element, from clients on the left to hosts outside on the right; graph.css has its colors. */
export function pictureSvg(graph: Graph, title: string): string {
  const placed = new graphlib.Graph({ multigraph: true });
  placed.setGraph({ rankdir: "LR", nodesep: 24, ranksep: 28, edgesep: 16, marginx: 8, marginy: 8 });
  for (const node of graph.nodes) placed.setNode(node.id, sizeOf([node.title, ...node.lines]));
  for (const edge of graph.edges) placed.setEdge(edge.from, edge.to, labelSize(edge), edge.kind);
  layout(placed);
  const { width = 0, height = 0 } = placed.graph();
  const [w, h] = [Math.ceil(width), Math.ceil(height)];
  const arrows = graph.edges.map((edge) => arrowSvg(edge, placed.edge(edge.from, edge.to, edge.kind)));
  const boxes = graph.nodes.map((node) => boxSvg(node, placed.node(node.id)));
  return (
    `<svg class="graph" role="img" aria-label="${escapeHtml(title)}" viewBox="0 0 ${w} ${h}" width="${w}" height="${h}">` +
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">' +
    `<path d="M0 0L8 4L0 8z"/></marker></defs>\n${[...arrows, ...boxes].join("\n")}\n</svg>`
  );
}

function sizeOf(lines: readonly string[]): { readonly width: number; readonly height: number } {
  const longest = Math.max(0, ...lines.map(({ length }) => length));
  return { width: Math.ceil(longest * characterWidth) + 2 * padding, height: lines.length * lineHeight + padding };
}

/** dagre keeps room for a label that has a size. */
function labelSize(edge: GraphEdge): EdgeConfig {
  const lines = labelOf(edge);
  return lines.length === 0 ? {} : { ...sizeOf(lines), labelpos: "c" };
}

function labelOf({ lines, verdict }: GraphEdge): string[] {
  const shown = lines.slice(0, lines.length > mostLines ? mostLines - 1 : mostLines).map(shortened);
  const more = lines.length > shown.length ? [`and ${lines.length - shown.length} more`] : [];
  const [first = "", ...others] = [...shown, ...more];
  const sign = verdict === undefined ? "" : signs[verdict];
  return [`${sign} ${first}`.trim(), ...others].filter((line) => line !== "");
}

function shortened(line: string): string {
  return line.length > longestLine ? `${line.slice(0, longestLine - 1)}…` : line;
}

function arrowSvg(
  edge: GraphEdge,
  { points, x, y }: PlacedEdge & { readonly x?: number; readonly y?: number },
): string {
  const path = points.map((point, at) => `${at === 0 ? "M" : "L"}${round(point.x)} ${round(point.y)}`).join("");
  const lines = labelOf(edge);
  const label = x === undefined || y === undefined || lines.length === 0 ? "" : textSvg(lines, x, y, sizeOf(lines));
  const classes = [`arrow ${edge.kind}`, ...(edge.verdict ? [classOf(edge.verdict)] : [])].join(" ");
  const title = escapeHtml([`${edge.from} to ${edge.to}`, ...edge.lines].join("\n"));
  return `<g class="${classes}"><title>${title}</title><path d="${path}" marker-end="url(#head)"/>${label}</g>`;
}

function boxSvg({ kind, title, lines }: GraphNode, { x, y, width, height }: Node): string {
  const [left, top] = [round(x - width / 2), round(y - height / 2)];
  const box = `<rect x="${left}" y="${top}" width="${width}" height="${height}" rx="6"/>`;
  return `<g class="box ${kind}">${box}${textSvg([title, ...lines], x, y)}</g>`;
}

/** @param behind of a rectangle in the color of the page, so that no arrow crosses the text */
function textSvg(lines: readonly string[], x: number, y: number, behind?: ReturnType<typeof sizeOf>): string {
  const top = y - ((lines.length - 1) * lineHeight) / 2;
  const spans = lines.map((line, at) => {
    return `<tspan x="${round(x)}" y="${round(top + at * lineHeight)}">${escapeHtml(line)}</tspan>`;
  });
  const ground = behind && [round(x - behind.width / 2), round(y - behind.height / 2), behind.width, behind.height];
  const [left, up, width, height] = ground ?? [];
  return (
    `${ground ? `<rect class="ground" x="${left}" y="${up}" width="${width}" height="${height}"/>` : ""}` +
    `<text text-anchor="middle" dominant-baseline="central">${spans.join("")}</text>`
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
