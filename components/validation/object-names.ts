import { configuredApplications } from "../apps/registry";
import { auditProvider, probeProvider } from "../model/mesh-config";
import type { Model } from "../model/model";
import { hasMeshTelemetry } from "../model/policies/telemetry";
import { applicationWorkloads, versionServices } from "../model/workloads";
import { credentialName, kubernetesUpgradeName, nodeStepName, versionName } from "../model/object-names";
import { compilers } from "../../policies/compile";
import { settingOf } from "../../policies/api-objects";
import { namespaces } from "../platform/namespaces";
import { installedAddons } from "../observability/addons/registry";
import { subdomain } from "../settings/fields";
import type { Settings } from "../settings/schema";
import { expandPath } from "../settings/schema-walk";
import { rootsName } from "../mesh/values/istio-csr";
import { rootNamespace } from "../shared/istio";
import { own } from "../shared/own";
import type { KubernetesObject } from "../shared/kubernetes/object";
import { type SettingPath, shortPath } from "../shared/problem";
import { checkEach, runChecks } from "../shared/unknown";
import type { Check } from "./check";

/** One name in a cluster, or in the program, that can belong to one thing only. */
interface Claim {
  /** A kind of Kubernetes, or what else has names of its own. */
  readonly kind: string;
  /** API group, which tells an Istio Gateway from one of the Gateway API. */
  readonly group?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name: string;
  /** The setting that needs the name; whose it is, where no setting does. */
  readonly owner: SettingPath | string;
  /** Whether several may have it together, as the service account of some workloads. */
  readonly shared?: boolean;
}

type Source = (model: Model) => Iterable<Claim>;

/** Where two claim one name, the later is refused. */
const sources: readonly Source[] = [
  reservedNames,
  deployedApplications,
  declaredWorkloads,
  gateways,
  waypoints,
  ({ policies }) =>
    runChecks(
      ...compilers.map((compile) => () => compile(policies).map((object) => claimOf(object, settingOf(object)))),
    ),
  addons,
  pullSecrets,
  ({ policies }) =>
    checkEach(policies.externalServices, [], ({ credentials = [] }) =>
      credentials.map(({ path: owner, ...place }) => ({ kind: "Secret", ...place, owner })),
    ),
  ({ settings }) => checkEach(settings.objects, ["objects"], writtenObject),
  providers,
  talosSteps,
];

/** Refuses settings of which two need the same name, and names that Kubernetes refuses. */
export const objectNameChecks: readonly Check[] = [
  function* (model) {
    const first = new Map<string, Claim>();
    const reported = new Set<string>();
    for (const claim of runChecks(...sources.map((source) => () => source(model)))) {
      const { kind, group, namespace, name } = claim;
      const key = JSON.stringify([kind, group, namespace, name]);
      const earlier = first.get(key);
      if (!earlier) first.set(key, claim);
      const message = earlier ? takenName(claim, earlier) : refusedName(claim);
      if (message === undefined || typeof claim.owner === "string") continue;
      // A Deployment has the name of its Service: one message for all of them.
      const pair = JSON.stringify([claim.owner, earlier?.owner]);
      if (!reported.has(pair)) yield { path: claim.owner, message };
      reported.add(pair);
    }
  },
];

function takenName(claim: Claim, { owner, shared }: Claim): string | undefined {
  if (claim.shared && shared) return undefined;
  const ofTraffic = [owner, claim.owner].every((one) => one[0] === "traffic");
  // Of two entries for one Service, validation/traffic.ts reports more.
  if (ofTraffic) return undefined;
  const taken = `the ${titleOf(claim)} already belongs to`;
  if (typeof owner === "string") return `${taken} ${owner}; expected another name`;
  return `${taken} ${shortPath(owner)}; change or remove one of them`;
}

interface NameForm {
  readonly pattern: RegExp;
  readonly longest: number;
  readonly expected: string;
}

const objectName: NameForm = {
  pattern: new RegExp(`^${subdomain}$`),
  longest: 253,
  expected: "lower-case letters, digits, '-' and '.'",
};

const provider = "extension provider";
const canaryProvider = "extension provider of the canary";

const anyName: NameForm = { pattern: /^/, longest: Infinity, expected: "" };

/** What has another form than most names. Source: kubernetes, staging/src/k8s.io/apimachinery/pkg/util/validation. */
const forms: ReadonlyMap<string, NameForm> = new Map([
  [
    "Service",
    { pattern: /^[a-z]([-a-z0-9]*[a-z0-9])?$/, longest: 63, expected: "a letter, then letters, digits and '-'" },
  ],
  ["Helm release", { ...objectName, longest: 53 }],
  ...[provider, canaryProvider, "resource of the cluster"].map((kind): [string, NameForm] => [kind, anyName]),
]);

function refusedName(claim: Claim): string | undefined {
  const { pattern, longest, expected } = forms.get(claim.kind) ?? objectName;
  const { length } = claim.name;
  const reason =
    length > longest
      ? `it has ${length} characters, and at most ${longest} are allowed`
      : pattern.test(claim.name)
        ? undefined
        : `expected ${expected}`;
  return reason === undefined ? undefined : `needs the ${titleOf(claim)}, a name that Kubernetes refuses: ${reason}`;
}

function titleOf({ kind, namespace, name }: Claim): string {
  return `${kind} ${name}${namespace === undefined ? "" : ` in namespace ${namespace}`}`;
}

function claimOf({ apiVersion, kind, metadata: { namespace, name } }: KubernetesObject, owner: SettingPath): Claim {
  return { kind, group: apiVersion.split("/")[0], namespace, name, owner };
}

function* reservedNames(): Iterable<Claim> {
  yield { kind: "Service", namespace: "default", name: "kubernetes", owner: "Kubernetes" };
  // What istiod and istio-csr read their authority from, or write it to.
  for (const name of ["cacerts", "istio-ca-secret", "istio-kubeconfig", "istiod-tls", rootsName]) {
    yield { kind: "Secret", namespace: rootNamespace, name, owner: "istiod" };
  }
  for (const name of istioProviders) yield { kind: provider, name, owner: "Istio" };
}

/** What has the name of a Deployment that istiod or the chart of a gateway creates. */
function* deploymentClaims(place: Pick<Claim, "namespace" | "name" | "owner">, serviceAccount = place.name) {
  for (const kind of ["Service", "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget"])
    yield { ...place, kind };
  yield { ...place, kind: "ServiceAccount", name: serviceAccount };
}

/** Source: istio/istio, pkg/config/mesh/mesh.go. */
const istioProviders: readonly string[] = ["envoy", "prometheus", "stackdriver"];

const gatewayApi = "gateway.networking.k8s.io";

function gateways({ names, settings }: Model): Iterable<Claim> {
  return checkEach(names.objects.gateways, [], function* ({ name, namespace, service, tls }) {
    const owner = ["gateways", name];
    const kind = own(settings.gateways, name)?.kind;
    if (kind !== "existing") yield* deploymentClaims({ namespace, name: service, owner });
    if (kind === "chart") yield { kind: "Helm release", namespace, name: service, owner };
    if (kind === "gateway-api") yield { kind: "Gateway", group: gatewayApi, namespace, name, owner };
    for (const [index, { hosts, credentialNames }] of (tls?.servers ?? []).entries()) {
      const place = hosts === undefined ? ["tls"] : ["tls", "servers", index];
      // Several may present the same Secret of another owner.
      for (const each of credentialNames.filter((credential) => credential === credentialName(name, hosts?.[0]))) {
        yield { kind: "Secret", namespace, name: each, owner: [...owner, ...place] };
      }
    }
  });
}

function waypoints({ names }: Model): Iterable<Claim> {
  return checkEach(names.objects.waypoints, ["mesh", "waypoints"], function* ({ name, namespace }, owner) {
    yield { kind: "Gateway", group: gatewayApi, namespace, name, owner };
    yield* deploymentClaims({ namespace, name, owner });
  });
}

function deployedApplications({ settings }: Model): Iterable<Claim> {
  return checkEach(configuredApplications(settings), [], function* (configured) {
    const owner = [configured.application.name, "namespace"];
    for (const { name, namespace, serviceAccount, versions } of applicationWorkloads(configured)) {
      const deployments = versions.map((version) => versionName(name, version));
      for (const each of [name, ...deployments]) yield { kind: "Service", namespace, name: each, owner };
      for (const each of deployments) yield { kind: "Deployment", namespace, name: each, owner };
      yield { kind: "ServiceAccount", namespace, name: serviceAccount, owner };
    }
  });
}

/** They are deployed elsewhere, under names that are known except for those of their Deployments. */
function declaredWorkloads({ settings }: Model): Iterable<Claim> {
  return checkEach(settings.applications, ["applications"], ({ namespace, workloads }, at) =>
    checkEach(workloads, [...at, "workloads"], function* (workload, path) {
      const { name, serviceAccount, versions } = workload;
      yield { kind: "Service", namespace, name, owner: [...path, "name"] };
      yield {
        ...{ kind: "ServiceAccount", namespace, name: serviceAccount, owner: [...path, "serviceAccount"] },
        shared: true,
      };
      for (const [version, service] of versionServices(workload) ?? []) {
        const owner =
          typeof workload.versionServices === "object"
            ? ["versionServices", version]
            : ["versions", versions.indexOf(version)];
        yield { kind: "Service", namespace, name: service.name, owner: [...path, ...owner] };
      }
    }),
  );
}

function* addons({ settings: all }: Model): Iterable<Claim> {
  const { observability } = all;
  if (!observability) return;
  const { namespace } = observability;
  for (const { addon, settings } of installedAddons(observability)) {
    const owner = ["observability", addon.name];
    for (const { name } of addon.secrets ?? []) yield { kind: "Secret", namespace, name, owner };
    const object = addon.istioObject?.(settings, namespace);
    // Part of the one Telemetry of the mesh, where the settings have more for it.
    if (object && !hasMeshTelemetry(all)) yield claimOf(object, owner);
  }
}

function* pullSecrets({ settings }: Model): Iterable<Claim> {
  for (const { name: namespace } of namespaces(settings)) {
    for (const [index, { name }] of settings.images.pullSecrets.entries()) {
      // The first is the message's; duplicates of the list have one of their own.
      if (settings.images.pullSecrets.findIndex((one) => one.name === name) !== index) continue;
      yield { kind: "Secret", namespace, name, owner: ["images", "pullSecrets", index, "name"] };
    }
  }
}

type WrittenObject = NonNullable<Model["settings"]["objects"]>[number];

/** From a Gateway of the Gateway API, istiod creates a Deployment, unless it names the addresses of another. */
function* writtenObject(object: WrittenObject, at: SettingPath): Iterable<Claim> {
  const { metadata, spec } = object;
  const owner = [...at, "metadata", "name"];
  const claim = claimOf(object, owner);
  yield claim;
  if (claim.kind !== "Gateway" || claim.group !== gatewayApi || spec.addresses !== undefined) return;
  const className = ["istio", "istio-waypoint", "istio-east-west"].find((one) => one === spec.gatewayClassName);
  if (className === undefined) return;
  const { "gateway.istio.io/name-override": override, "gateway.istio.io/service-account": account } =
    metadata.annotations ?? {};
  const byDefault = className === "istio" ? `${claim.name}-istio` : claim.name;
  yield* deploymentClaims({ namespace: claim.namespace, name: override ?? byDefault, owner }, account ?? byDefault);
}

/** In istiod's mesh config, where Helm would keep the last of two with one name. */
function* providers({ settings }: Model): Iterable<Claim> {
  const own = [...ownProviders(settings)];
  yield* own;
  yield* writtenProviders(settings, "mesh.values.istiod", provider);
  // The canary has a mesh config of its own, in which its list replaces that of mesh.values.istiod.
  for (const claim of own) yield { ...claim, kind: canaryProvider };
  yield* writtenProviders(settings, "mesh.canary.values", canaryProvider);
}

function* ownProviders({ security, observability, telemetry, verification }: Settings): Iterable<Claim> {
  const kind = provider;
  for (const { addon, settings } of installedAddons(observability)) {
    const traces = observability && addon.extensionProvider?.(settings, observability.namespace);
    if (traces) yield { kind, name: traces.name, owner: ["observability", addon.name] };
  }
  if ((security.authorization?.audit ?? []).length > 0) {
    yield { kind, name: auditProvider, owner: ["security", "authorization", "audit"] };
  }
  if (verification?.enabled) yield { kind, name: probeProvider, owner: ["verification"] };
  // Two of a list have a message of their own.
  for (const [section, { extensionProviders }] of Object.entries({ security, telemetry })) {
    const listed = new Map(extensionProviders.map(({ name }, index) => [name, index]));
    for (const [name, index] of listed) yield { kind, name, owner: [section, "extensionProviders", index, "name"] };
  }
}

function* writtenProviders(settings: Settings, values: string, kind: string): Iterable<Claim> {
  for (const [owner, name] of expandPath(settings, `${values}.meshConfig.extensionProviders.*.name`)) {
    // Istio lets the mesh config redefine its own.
    if (!istioProviders.includes(String(name))) yield { kind, name: String(name), owner };
  }
}

/** Resources of a Talos cluster, of which two of a type and name would end the run. */
function* talosSteps({ settings: { cluster } }: Model): Iterable<Claim> {
  if (cluster.kind !== "talos") return;
  const kind = "resource of the cluster";
  yield { kind, name: kubernetesUpgradeName, owner: "the upgrade of Kubernetes" };
  const found = new Set<string>();
  yield* checkEach(cluster.nodes, ["cluster", "nodes"], function* ({ hostname }, at) {
    // Two nodes of one name have a message of their own.
    if (!found.has(hostname)) yield { kind, name: nodeStepName("upgrade", hostname), owner: [...at, "hostname"] };
    found.add(hostname);
  });
}
