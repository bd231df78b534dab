import path from "node:path";
import { configuredApplications } from "../apps/registry";
import { type ControlPlane, controlPlaneNamed, controlPlanes, defaultRevision } from "../model/control-planes";
import { hasAmbient } from "../model/data-planes";
import { gatewayNamespace } from "../model/gateways";
import type { Model } from "../model/model";
import { expandPath } from "../settings/expand-path";
import type { MeshSettings } from "../settings/sections/mesh";
import { compareMinor, istioReleases, istioSince, minorOf } from "../settings/versions";
import { meshCharts, unknownValues } from "../mesh/values/chart-folder";
import { addonSource, installedReleases } from "../observability/addons/registry";
import { type ChartSource, chartSourceAt, missingCharts, type RequiredChart } from "../shared/chart-source";
import type { Problem, SettingPath } from "../shared/problem";
import { completeKeys, checkEach, runChecks } from "../shared/unknown";
import type { Check, CheckContext } from "./check";

/** Checks of `talos-mesh:mesh`, but for data planes, and of `charts`. */
export const meshChecks: readonly Check[] = [
  mtlsInProduction,
  chartSource,
  decidedValues,
  ({ settings: { mesh, charts } }, { projectRoot }) => unknownValues({ mesh, charts }, projectRoot),
  meshChartFolder,
  addonChartFolder,
  platform,
  ambientRelease,
  compatibilityVersion,
  revision,
  canaryRevision,
  canaryVersion,
  tagNames,
  tagRevisions,
  namespaceRevisions,
];

function* mtlsInProduction({ settings: { environment, mesh } }: Model): Iterable<Problem> {
  if (environment !== "production" || mesh.mtls === "STRICT") return;
  yield { path: ["mesh", "mtls"], message: `found ${mesh.mtls}; environment production allows STRICT only` };
}

function* chartSource({
  settings: { environment, cluster, charts },
  cluster: { standInCharts },
}: Model): Iterable<Problem> {
  if (charts.source !== "auto") return;
  const path = ["charts", "source"];
  const expected = "expects a chart repository (https://...), a registry (oci://...) or a folder (./...)";
  if (environment === "production") {
    yield { path, message: `found auto, which may install stand-in charts; environment production ${expected}` };
  } else if (!standInCharts) {
    yield { path, message: `found auto, which is for clusters of kind embedded; kind ${cluster.kind} ${expected}` };
  }
}

function* meshChartFolder(
  { settings: { charts, mesh, gateways } }: Model,
  { projectRoot }: CheckContext,
): Iterable<Problem> {
  if (charts.source === "auto") return;
  yield* chartFolder(["charts", "source"], projectRoot, chartSourceAt(charts.source), meshCharts({ mesh, gateways }));
}

function* addonChartFolder(
  { settings: { charts, mesh, observability } }: Model,
  { projectRoot }: CheckContext,
): Iterable<Problem> {
  if (charts.source === "auto" && charts.addons === undefined) return;
  // Without it, the version of Kiali is not known.
  if (!istioReleases.has(minorOf(mesh.version))) return;
  const releases = installedReleases(observability, mesh.version);
  const at = ["charts", charts.addons === undefined ? "source" : "addons"];
  const [first] = releases;
  if (!first) return;
  const source = addonSource(charts.addons, chartSourceAt(charts.source), first.chart);
  yield* chartFolder(
    at,
    projectRoot,
    source,
    releases.map(({ chart }) => chart),
  );
}

/** A folder of charts must have every chart, in the version of the settings. */
function* chartFolder(
  at: SettingPath,
  projectRoot: string,
  source: ChartSource,
  charts: readonly RequiredChart[],
): Iterable<Problem> {
  if (source.kind !== "folder") return;
  const missing = missingCharts(path.resolve(projectRoot, source.path), charts);
  const [first] = charts;
  if (missing.length === 0 || !first) return;
  yield {
    path: at,
    message:
      `found ${source.path}; it does not have ${missing.join(", ")}; ` +
      `put each chart into a folder of its name, or of its version and name, such as ${source.path}/${first.version}/${first.name}`,
  };
}

/** Where values for Istio's charts are, and the setting that names the revision there. */
const valuesPaths = [
  { path: "mesh.values.*", revision: "mesh.revision" },
  { path: "mesh.canary.values", revision: "mesh.canary.revision" },
];

/** Chart values that a setting decides; charts read those under `pilot` and `cni` first. */
const settingOf = (revision: string): Readonly<Record<string, string>> => ({
  profile: "mesh.profile",
  compatibilityVersion: "mesh.compatibilityVersion",
  revision,
  "pilot.revision": revision,
  "cni.revision": revision,
  revisionTags: "mesh.tags",
  "pilot.revisionTags": "mesh.tags",
  defaultRevision: revision,
  "meshConfig.trustDomain": "mesh.trustDomain",
  "meshConfig.outboundTrafficPolicy": "mesh.outboundTrafficPolicy",
});

/** Values that contradict a setting: names of releases and webhooks, checks of versions and policies rely on settings. */
function* decidedValues({ settings: { mesh } }: Model): Iterable<Problem> {
  for (const { path: place, revision } of valuesPaths) {
    for (const [value, setting] of Object.entries(settingOf(revision))) {
      for (const [path, found] of expandPath({ mesh }, `${place}.${value}`)) {
        if (found === undefined) continue;
        yield { path, message: `talos-mesh:${setting} decides this; set it there and remove it here` };
      }
    }
  }
}

function* platform({ settings: { mesh, cluster }, cluster: { created } }: Model): Iterable<Problem> {
  if (mesh.platform === undefined || !created) return;
  yield {
    path: ["mesh", "platform"],
    message: `found ${mesh.platform}; a cluster of kind ${cluster.kind} needs none; remove it`,
  };
}

function* ambientRelease({ settings: { mesh } }: Model): Iterable<Problem> {
  if (!hasAmbient(mesh) || compareMinor(minorOf(mesh.version), istioSince.ambient) >= 0) return;
  yield {
    path: ["mesh", "version"],
    message: `found ${mesh.version}; dataPlane ambient needs Istio ${istioSince.ambient} or newer`,
  };
}

/** Both control planes get it, and a chart without these values fails. */
function* compatibilityVersion({ settings: { mesh } }: Model): Iterable<Problem> {
  const { compatibilityVersion: found, version, canary } = mesh;
  if (found === undefined) return;
  for (const minor of new Set([version, ...(canary ? [canary.version] : [])].map(minorOf))) {
    const oldest = istioReleases.get(minor)?.oldestCompatibility;
    if (oldest === undefined || (compareMinor(found, oldest) >= 0 && compareMinor(found, minor) < 0)) continue;
    const newest = `1.${Number(minor.split(".")[1]) - 1}`;
    yield {
      path: ["mesh", "compatibilityVersion"],
      message: `found ${found}; the charts of Istio ${minor} know ${oldest} to ${newest}; set one of these or remove it`,
    };
  }
}

const reserved = `found ${defaultRevision}, which is Istio's name for the control plane without a revision`;

function* revision({ settings: { mesh } }: Model): Iterable<Problem> {
  if (mesh.revision !== defaultRevision) return;
  yield { path: ["mesh", "revision"], message: `${reserved}; remove it, or name it by its version, as 1-31-1` };
}

function* canaryRevision({ settings: { mesh } }: Model): Iterable<Problem> {
  const { canary } = mesh;
  if (!canary) return;
  const path = ["mesh", "canary", "revision"];
  if (canary.revision === defaultRevision) yield { path, message: `${reserved}; name it by its version, as 1-31-1` };
  if (canary.revision === mesh.revision) {
    yield { path, message: `found ${mesh.revision}, which is mesh.revision; expected another` };
  }
}

function* canaryVersion({ settings: { mesh } }: Model): Iterable<Problem> {
  const { version, canary } = mesh;
  if (!canary) return;
  const [from, to] = [minorOf(version), minorOf(canary.version)];
  const distance = compareMinor(to, from);
  if (Math.abs(distance) <= 1) return;
  const [major, minor] = from.split(".").map(Number);
  const next = `${major}.${Number(minor) + Math.sign(distance)}`;
  yield {
    path: ["mesh", "canary", "version"],
    message: `found ${canary.version}, and mesh.version is ${version}; an upgrade goes one minor version at a time; expected ${from} or ${next}`,
  };
}

/** Revisions of the control planes, each once. */
function revisionsOf(mesh: MeshSettings): string[] {
  return [...new Set(controlPlanes(mesh).map((plane: ControlPlane) => plane.revision))];
}

function* tagNames({ settings: { mesh } }: Model): Iterable<Problem> {
  const revisions = revisionsOf(mesh);
  for (const tag of Object.keys(mesh.tags)) {
    if (!revisions.includes(tag)) continue;
    const what = tag === defaultRevision ? "the control plane without a revision" : "a revision";
    yield { path: ["mesh", "tags", tag], message: `found a tag with the name of ${what}; expected another name` };
  }
}

function tagRevisions({ settings: { mesh } }: Model): Iterable<Problem> {
  const revisions = revisionsOf(mesh);
  return checkEach(mesh.tags, ["mesh", "tags"], (found, path) =>
    revisions.includes(found)
      ? []
      : [{ path, message: `found ${found}; no such revision; expected one of: ${revisions.join(", ")}` }],
  );
}

function namespaceRevisions({ settings }: Model): Iterable<Problem> {
  const { mesh } = settings;
  return checkEach(mesh.namespaces, ["mesh", "namespaces"], ({ revision: found, dataPlane }, at) => {
    if (found === undefined) return [];
    const path = [...at, "revision"];
    const namespace = String(at.at(-1));
    return runChecks(
      function* () {
        const known = [...new Set([...completeKeys(mesh.tags), ...revisionsOf(mesh)])];
        if (known.includes(found)) return;
        yield { path, message: `found ${found}; expected a tag or a revision, one of: ${known.join(", ")}` };
      },
      function* () {
        // What is wrong with its tag is reported at the tag.
        if (Object.hasOwn(mesh.tags, found) && !controlPlaneNamed(mesh, found)) return;
        const labelled = [...new Set(createdNamespaces(settings))].sort();
        if (labelled.includes(namespace)) return;
        const expected = labelled.length > 0 ? `one of: ${labelled.join(", ")}` : "none, as there is none";
        yield {
          path,
          message: `this program does not create the namespace ${namespace} and cannot label it; expected ${expected}; where it is created, set the label istio.io/rev: ${found}`,
        };
      },
      function* () {
        if (dataPlane !== "none") return;
        yield {
          path,
          message: `found ${found}; a namespace with dataPlane none has no proxies; remove one of the two`,
        };
      },
    );
  });
}

/** Namespaces with proxies that this program creates, and so can label. */
function* createdNamespaces({ gateways, ...sections }: Model["settings"]): Iterable<string> {
  for (const { settings } of configuredApplications(sections)) yield settings.namespace;
  for (const [name, gateway] of Object.entries(gateways)) yield gatewayNamespace(name, gateway);
}
