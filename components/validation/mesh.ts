import path from "node:path";
import { configuredApplications } from "../apps/registry";
import { meshCharts, unknownValues } from "../mesh/values/chart-folder";
import { fullImage, type MeshValuesInput, scopes } from "../mesh/values/common-values";
import { cniValues, gatewayValues, istiodValues } from "../mesh/values/istio-charts";
import { controlPlaneNamed, controlPlanes } from "../model/control-planes";
import { defaultRevision } from "../shared/istio";
import { asTree, isTree, mergeValues, type Tree } from "../shared/merge";
import { hasAmbient } from "../model/data-planes";
import { deployedGateways, gatewayNamespace } from "../model/gateways";
import { policyMeshConfig } from "../model/mesh-config";
import { ownedLayers } from "../model/layers";
import type { Model } from "../model/model";
import { addonSource, installedReleases } from "../observability/addons/registry";
import { settingsSchema } from "../settings/schema";
import { expandPath } from "../settings/schema-walk";
import { shown } from "../settings/wording";
import type { MeshSettings } from "../settings/sections/mesh";
import { compareMinor, istioReleases, istioSince, minorOf, versions } from "../settings/versions";
import { type ChartSource, chartSourceAt, missingCharts, type RequiredChart } from "../shared/chart-source";
import type { Problem, SettingPath } from "../shared/problem";
import { allKnown, completeKeys, ifKnown, runChecks } from "../shared/unknown";
import { type Check, type CheckContext, refuse, rule } from "./check";
import { own } from "../shared/own";
import { platformCharts } from "./versions";

const reserved = `found ${defaultRevision}, which is Istio's name for the control plane without a revision`;

/** Checks of `talos-mesh:mesh`, but for data planes, and of `charts`. */
export const meshChecks: readonly Check[] = [
  rule("mesh.mtls", (mtls, { settings: { environment } }) =>
    environment === "production" && mtls !== "STRICT"
      ? `found ${mtls}; environment production allows STRICT only`
      : undefined,
  ),
  rule(
    "mesh.proxyConfigs.*.image",
    (_, { settings }) =>
      fullImage(settings, "proxyv2").image !== undefined &&
      "the settings of talos-mesh:images name the proxy's image in full, to which Istio adds no type; remove it",
  ),
  rule("charts.source", (source, { settings: { environment, cluster }, cluster: { standInCharts } }) => {
    const expected = "expects a chart repository (https://...), a registry (oci://...) or a folder (./...)";
    if (source !== "auto") return undefined;
    if (environment === "production") {
      return `found auto, which may install stand-in charts; environment production ${expected}`;
    }
    return !standInCharts && `found auto, which is for clusters of kind embedded; kind ${cluster.kind} ${expected}`;
  }),
  ...decidedValues("mesh.values.*", "mesh.revision"),
  ...decidedValues("mesh.canary.values", "mesh.canary.revision"),
  ({ settings: { mesh, charts } }, { projectRoot }) => unknownValues({ mesh, charts }, projectRoot),
  replacedValues,
  meshChartFolder,
  addonChartFolder,
  rule(
    "mesh.platform",
    (platform, { settings: { cluster }, cluster: { created } }) =>
      created && `found ${platform}; a cluster of kind ${cluster.kind} needs none; remove it`,
  ),
  rule("mesh.version", (version, { settings: { mesh } }) =>
    hasAmbient(mesh) && compareMinor(version, istioSince.ambient) < 0
      ? `found ${version}; dataPlane ambient needs Istio ${istioSince.ambient} or newer`
      : undefined,
  ),
  // Both control planes get it, and a chart without these values fails.
  rule("mesh.compatibilityVersion", (found, { settings: { mesh } }) => {
    const minors = new Set([mesh.version, ...(mesh.canary ? [mesh.canary.version] : [])].map(minorOf));
    return [...minors].map((minor) => {
      const oldest = istioReleases.get(minor)?.oldestCompatibility;
      if (oldest === undefined || (compareMinor(found, oldest) >= 0 && compareMinor(found, minor) < 0))
        return undefined;
      const newest = `1.${Number(minor.split(".")[1]) - 1}`;
      return `found ${found}; the charts of Istio ${minor} know ${oldest} to ${newest}; set one of these or remove it`;
    });
  }),
  ...(["mesh.revision", "mesh.canary.revision"] as const).map((path) => {
    const remove = path === "mesh.revision" ? "remove it, or " : "";
    const message = `${reserved}; ${remove}name it by its version, as 1-31-1`;
    return refuse(path, (revision) => revision === defaultRevision, message);
  }),
  rule(
    "mesh.canary.revision",
    (found, { settings: { mesh } }) =>
      found === mesh.revision && `found ${found}, which is mesh.revision; expected another`,
  ),
  rule("mesh.canary.version", (found, { settings: { mesh } }) => {
    const from = minorOf(mesh.version);
    const distance = compareMinor(found, from);
    if (Math.abs(distance) <= 1) return undefined;
    const [major, minor] = from.split(".").map(Number);
    const next = `${major}.${Number(minor) + Math.sign(distance)}`;
    return `found ${found}, and mesh.version is ${mesh.version}; an upgrade goes one minor version at a time; expected ${from} or ${next}`;
  }),
  rule("mesh.tags", (tags, { settings: { mesh } }) => {
    const revisions = revisionsOf(mesh);
    const refusal = (tag: string) =>
      revisions.includes(tag) &&
      `found a tag with the name of ${tag === defaultRevision ? "the control plane without a revision" : "a revision"}; expected another name`;
    return Object.fromEntries(Object.keys(tags).map((tag) => [tag, refusal(tag)]));
  }),
  rule("mesh.tags.*", (found, { settings: { mesh } }) => {
    const revisions = revisionsOf(mesh);
    return !revisions.includes(found) && `found ${found}; no such revision; expected one of: ${revisions.join(", ")}`;
  }),
  rule("mesh.namespaces.*.revision", (found, { settings: { mesh } }) => {
    const known = [...new Set([...completeKeys(mesh.tags), ...revisionsOf(mesh)])];
    return !known.includes(found) && `found ${found}; expected a tag or a revision, one of: ${known.join(", ")}`;
  }),
  rule("mesh.namespaces.*.revision", (found, { settings }, at) => {
    // What is wrong with its tag is reported at the tag.
    if (Object.hasOwn(settings.mesh.tags, found) && !controlPlaneNamed(settings.mesh, found)) return undefined;
    const namespace = String(at[2]);
    const labelled = [...new Set(createdNamespaces(settings))].sort();
    if (labelled.includes(namespace)) return undefined;
    const expected = labelled.length > 0 ? `one of: ${labelled.join(", ")}` : "no entry, because it creates none";
    return `this program does not create the namespace ${namespace} and cannot label it; expected ${expected}; where it is created, set the label istio.io/rev: ${found}`;
  }),
  rule("mesh.namespaces.*", ({ revision, dataPlane }) =>
    revision !== undefined && dataPlane === "none"
      ? { revision: `found ${revision}; a namespace with dataPlane none has no proxies; remove one of the two` }
      : undefined,
  ),
];

/**
 * Refuses chart values that a setting decides; charts read those under `pilot` and `cni` first. Names of releases and
 * webhooks, and checks of versions and policies, rely on the settings.
 */
function decidedValues(values: string, revision: string): Check[] {
  const settings = {
    profile: "mesh.profile",
    compatibilityVersion: "mesh.compatibilityVersion",
    revision,
    "pilot.revision": revision,
    "cni.revision": revision,
    revisionTags: "mesh.tags",
    "pilot.revisionTags": "mesh.tags",
    defaultRevision: revision,
    "meshConfig.trustDomain": "mesh.trustDomain",
    "meshConfig.trustDomainAliases": "mesh.trustDomainAliases",
    "meshConfig.outboundTrafficPolicy": "mesh.outboundTrafficPolicy",
  };
  return Object.entries(settings).map(([value, setting]): Check => {
    const message = `talos-mesh:${setting} decides this; set it there and remove it here`;
    return (model) => [...expandPath(model.settings, `${values}.${value}`)].map(([path]) => ({ path, message }));
  });
}

/**
 * Refuses chart values that replace a mapping or a list in which this program sets values: the mesh would miss them, and
 * most charts fail.
 */
function replacedValues(model: Model): Iterable<Problem> {
  const { mesh, gateways } = model.settings;
  const inputs = () => ifKnown(() => allKnown(valuesInput(model))) ?? valuesOfDefaults;
  const ofIstiod = () =>
    scoped(mergeValues({ meshConfig: { extensionProviders: [{}] } }, istiodValues(inputs())), scopes.istiod);
  const ofGateway = () => {
    const gateway = Object.values(gateways).find(({ kind }) => kind === "chart");
    return gateway ? gatewayValues(gateway, {}, inputs()) : {};
  };
  return runChecks(
    () => shapeProblems(ofIstiod(), mesh.values.istiod, ["mesh", "values", "istiod"]),
    () => shapeProblems(ofIstiod(), mesh.canary?.values, ["mesh", "canary", "values"]),
    () => shapeProblems(scoped(cniValues(inputs()), scopes.cni), mesh.values.cni, ["mesh", "values", "cni"]),
    () => shapeProblems(ofGateway(), mesh.values.gateway, ["mesh", "values", "gateway"]),
  );
}

function valuesInput({ settings, cluster }: Model): MeshValuesInput {
  const { mesh, images } = settings;
  const { simulatedNodes, talos, talosVersion } = cluster;
  return {
    mesh: { ...mesh, values: {} },
    images,
    cluster: { simulatedNodes, talos, ...(talosVersion !== undefined && { talosVersion }) },
    meshConfig: policyMeshConfig(settings),
  };
}

/** Where a setting has a mistake: what is set in the values is nearly the same for all settings. */
const valuesOfDefaults: MeshValuesInput = {
  mesh: settingsSchema.shape.mesh.parse({ version: versions.istio }),
  images: settingsSchema.shape.images.parse({}),
  cluster: { simulatedNodes: false, talos: true },
};

/** Values as a chart reads them, which also has those of a scope at the top. */
function scoped(values: Tree, scope = ""): Tree {
  return mergeValues({ [scope]: {}, ...asTree(own(values, scope)) }, values);
}

function* shapeProblems(ours: unknown, given: unknown, path: SettingPath): Iterable<Problem> {
  if (given === undefined) return;
  const expected = isTree(ours) ? "mapping" : Array.isArray(ours) ? "list" : undefined;
  if (expected !== undefined && (expected === "list" ? !Array.isArray(given) : !isTree(given))) {
    const found = typeof given === "string" ? "a string" : shown(given);
    yield { path, message: `found ${found}; expected a ${expected}, as talos-mesh sets values in it` };
  } else if (isTree(ours) && isTree(given)) {
    for (const [key, value] of Object.entries(given)) {
      if (Object.hasOwn(ours, key)) yield* shapeProblems(own(ours, key), value, [...path, key]);
    }
  } else if (Array.isArray(ours) && Array.isArray(given) && isTree(ours[0])) {
    for (const [index, entry] of given.entries()) yield* shapeProblems({}, entry, [...path, index]);
  }
}

function* meshChartFolder({ settings }: Model, { projectRoot }: CheckContext): Iterable<Problem> {
  const { source } = settings.charts;
  if (source !== "auto" && ownedLayers(settings).has("mesh"))
    yield* chartFolder(["charts", "source"], projectRoot, chartSourceAt(source), meshCharts(settings));
}

function* addonChartFolder({ settings }: Model, { projectRoot }: CheckContext): Iterable<Problem> {
  const { charts, mesh, observability } = settings;
  if (charts.source === "auto" && charts.addons === undefined) return;
  // Without it, the version of Kiali is not known.
  if (!istioReleases.has(minorOf(mesh.version))) return;
  const required = [
    ...installedReleases(observability, mesh.version).map(({ chart }) => chart),
    ...platformCharts(settings).map(({ chart }) => chart),
  ];
  const [first] = required;
  if (!first) return;
  const at = ["charts", charts.addons === undefined ? "source" : "addons"];
  yield* chartFolder(at, projectRoot, addonSource(charts.addons, chartSourceAt(charts.source), first), required);
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
  const message =
    `found ${source.path}; it does not have ${missing.join(", ")}; ` +
    `put each chart into a folder of its name, or of its version and name, such as ${source.path}/${first.version}/${first.name}`;
  yield { path: at, message };
}

function revisionsOf(mesh: MeshSettings): string[] {
  return [...new Set(controlPlanes(mesh).map(({ revision }) => revision))];
}

/** Namespaces with proxies that this program creates, and so can label. */
function* createdNamespaces({ gateways, ...sections }: Model["settings"]): Iterable<string> {
  for (const { settings } of configuredApplications(sections)) yield settings.namespace;
  for (const [name, gateway] of deployedGateways(gateways)) yield gatewayNamespace(name, gateway);
}
