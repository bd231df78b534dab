import { readFileSync } from "node:fs";
import path from "node:path";
import type { Model } from "../../components/model/model";
import { installedAddons } from "../../components/observability/addons/registry";
import { escapeHtml, htmlPage, scrollHtml, tableHtml } from "../../components/shared/html";
import { formatPath } from "../../components/shared/problem";
import { accessHtml, signs } from "../../components/verification/report/page";
import { countsOf } from "../../components/verification/report/wording";
import type { VerificationResult } from "../../components/verification/result";
import { graphOf } from "./graph";
import { pictureSvg } from "./picture";

/** Of the last verification: its verdicts are in the picture and the tables. */
export type LastVerification = Pick<VerificationResult, "probes" | "startedAt">;

/** graph.html: the layers of a stack, the picture of its traffic, and the same as tables, for those who cannot see it. */
export function graphPage(stack: string, model: Model, last?: LastVerification): string {
  const reports = path.join(__dirname, "../../components/verification/report/report.css");
  const style = [reports, path.join(__dirname, "graph.css")].map((file) => readFileSync(file, "utf8")).join("");
  const graph = graphOf(model, last);
  const title = `Traffic of ${stack}`;
  const verified = last
    ? `Verified at ${last.startedAt}: ${countsOf(last)}. ✓ holds, ✗ fails, ! control failed, ? not measurable; without a sign: no probe, or not verified since it changed.`
    : "Not verified: this is what the settings say.";
  const kinds =
    "Arrows: requests that are allowed, and the shares of routes. Dashed: copies of requests, and hosts outside the mesh.";
  const open = graph.access.clients.length === 0;
  return htmlPage(title, style, [
    `<h1>${escapeHtml(title)}</h1>`,
    `<p class="note">${escapeHtml(`${verified} ${kinds}`)}</p>`,
    layersHtml(model, last),
    scrollHtml("Picture of the traffic; the tables below say the same", pictureSvg(graph, title)),
    ...(open
      ? ["<h2>Who may talk to whom</h2><p>No rule restricts access: every client may call every service.</p>"]
      : []),
    ...accessHtml(
      graph.access,
      `stranger: in the mesh, with an identity that no rule names; outside: a pod outside the mesh. ${last ? "The second line: what was measured." : "Not measured."}`,
    ),
    "<h2>Routes</h2>",
    graph.rules.length === 0
      ? "<p>No rules: each request goes to the service that it names.</p>"
      : tableHtml(
          ["Rule", "Requests", "What happens", "Verified", "Setting"],
          graph.rules.map(({ title: rule, match, action, verdict, path: setting }) => {
            return [rule, match, action, verdict ? `${signs[verdict]} ${verdict}` : "", formatPath(setting)];
          }),
        ),
    "<h2>Hosts outside the mesh</h2>",
    egressHtml(model),
  ]);
}

function egressHtml({ policies: { egress, outboundTrafficPolicy } }: Model): string {
  if (!egress) {
    const closed = outboundTrafficPolicy === "REGISTRY_ONLY";
    return closed
      ? "<p>Sidecars reach only the hosts that the settings name (REGISTRY_ONLY); ztunnel passes every connection on.</p>"
      : "<p>Every workload may reach every host.</p>";
  }
  if (egress.rules.length === 0) return "<p>No workload may reach any.</p>";
  const rows = egress.rules.map(({ workload, settings, mode, path: setting }) => {
    const ports = (settings.ports ?? []).join(", ");
    return [`${workload.namespace}/${workload.name}`, settings.hosts.join(", "), ports, mode, formatPath(setting)];
  });
  return tableHtml(["Workload", "Hosts", "Ports", "Enforced by", "Setting"], rows);
}

function layersHtml(model: Model, last: LastVerification | undefined): string {
  const { settings, policies, cluster } = model;
  const { mesh, platform, observability, benchmark, environment } = settings;
  const { services, accessRules, tokenRules, egress } = policies;
  const rules = services.reduce((sum, { meshRules, exposures }) => sum + meshRules.length + exposures.length, 0);
  const installed = Object.entries(platform).flatMap(([name, value]) =>
    value === undefined || value === false ? [] : [name],
  );
  const addons = installedAddons(observability).map(({ addon }) => addon.name);
  const namespaces = [...new Set(policies.workloads.map(({ namespace }) => namespace))];
  const layers: readonly (readonly [string, ...string[]])[] = [
    ["cluster", `${settings.cluster.kind}, ${environment}`, cluster.simulatedNodes ? "simulated nodes" : ""],
    ["platform", installed.join(", ")],
    ["mesh", `Istio ${mesh.version}`, `${mesh.dataPlane}, mTLS ${policies.mtls}`],
    ...(addons.length > 0 ? [["observability", addons.join(", ")] as const] : []),
    ["applications", `${policies.workloads.length} services in ${namespaces.join(", ")}`],
    ["policies", ...counted({ routes: rules, "access rules": accessRules.length, "token rules": tokenRules.length })],
    ["egress", egress ? (counted({ rules: egress.rules.length })[0] ?? "closed") : policies.outboundTrafficPolicy],
    ["verification", settings.verification ? (last ? countsOf(last) : "not run yet") : "off"],
    ["benchmark", benchmark ? (benchmark.scenarios ?? ["every scenario"]).join(", ") : "off"],
  ];
  const items = layers.map(([name, ...lines]) => {
    const text = lines.filter((line) => line !== "").map((line) => `<small>${escapeHtml(line)}</small>`);
    return `<li><b>${name}</b>${text.join("")}</li>`;
  });
  return `<ol class="layers">${items.join("")}</ol>`;
}

function counted(counts: Readonly<Record<string, number>>): string[] {
  return Object.entries(counts).flatMap(([name, count]) => (count === 0 ? [] : [`${name}: ${count}`]));
}
