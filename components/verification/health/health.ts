import { X509Certificate } from "node:crypto";
import { liveControlPlanes, meshFindings, type MeshFindings } from "../../mesh/lifecycle/mesh-state";
import type { PolicyModel } from "../../model/policies/policy-model";
import { parseJson } from "../../shared/json";
import type { ApiServer } from "../../shared/kubernetes/api-server";
import { ifAllowed } from "../../shared/kubernetes/errors";
import { rootNamespace } from "../../shared/istio";
import { dataOf, type LiveObject, oldestFirst, secretText } from "../../shared/kubernetes/object";
import { listPods } from "../../shared/kubernetes/pods";
import { requestPod } from "../../shared/kubernetes/pod-http";
import { own } from "../../shared/own";
import type { HealthFinding } from "../result";

/** What the state of the mesh is looked up for. Plain data. */
export interface HealthRequest {
  readonly workloads: readonly {
    /** `shop/front`. */
    readonly title: string;
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly inMesh: boolean;
  }[];
}

export function healthRequest({ workloads }: Pick<PolicyModel, "workloads">): HealthRequest {
  return {
    workloads: workloads.map(({ namespace, name, labels, dataPlane }) => ({
      ...{ title: `${namespace}/${name}`, namespace, labels, inMesh: dataPlane !== "none" },
    })),
  };
}

interface HealthContext {
  readonly server: ApiServer;
  readonly signal?: AbortSignal;
  /** Milliseconds since 1970. @default that of this machine */
  readonly now?: number;
}

/** Seconds for one question to istiod. */
const debugTimeout = 10;

/**
 * The state of the mesh besides its policies: whether proxies have what istiod sent them, versions, the end of the root
 * certificate, pods without a proxy, plain text. A question that cannot be answered is a finding, and no error.
 */
export async function meshHealth(request: HealthRequest, context: HealthContext): Promise<HealthFinding[]> {
  const questions: readonly (readonly [subject: string, ask: () => Promise<HealthFinding[]>])[] = [
    ["proxies in sync", () => syncFindings(context)],
    ["versions", async () => versionFindings(await meshFindings(context.server))],
    ["certificates", () => certificateFindings(context)],
    ["plain text", async () => plainTextFindings(request, await context.server.list(peerAuthentication))],
  ];
  const found = questions.map(([subject, ask]) =>
    ask().catch(({ message }: Error): HealthFinding[] => [{ level: "not known", subject, message }]),
  );
  const findings = (await Promise.all(found)).flat();
  context.signal?.throwIfAborted();
  return findings;
}

const peerAuthentication = { apiVersion: "security.istio.io/v1", kind: "PeerAuthentication" };

/** A proxy, as istiod's /debug/syncz has it. Source: istio/istio, pilot/pkg/xds/debug.go, SyncStatus. */
interface SyncState {
  readonly proxy?: string;
  readonly resources?: Readonly<
    Record<string, { readonly sent?: string; readonly acked?: string; readonly lastError?: string }>
  >;
  /** `cluster_sent`, `cluster_acked`, and so on. */
  readonly [field: string]: unknown;
}

const resources = ["cluster", "listener", "route", "endpoint"] as const;

async function syncFindings({ server, signal }: HealthContext): Promise<HealthFinding[]> {
  const planes = await liveControlPlanes(server);
  const states = await Promise.all(
    planes.map(async ({ namespace, revision }) => {
      const pods = await listPods(server, namespace, { labelSelector: `app=istiod,istio.io/rev=${revision}` });
      const ready = pods.filter((pod) => pod.ready && !pod.deleting);
      return Promise.all(ready.map(({ name }) => syncStates(server, { namespace, pod: name }, signal)));
    }),
  );
  if (states.every(({ length }) => length === 0)) throw new Error("the cluster has no istiod that is ready");
  return syncFindingsOf(states.flat(2));
}

async function syncStates(
  server: ApiServer,
  pod: { readonly namespace: string; readonly pod: string },
  signal: AbortSignal | undefined,
): Promise<SyncState[]> {
  const deadline = AbortSignal.timeout(1000 * debugTimeout);
  const either = signal ? AbortSignal.any([signal, deadline]) : deadline;
  // Each istiod knows the proxies that are connected to it.
  const { status, content } = await requestPod(server, { ...pod, port: 15014 }, { path: "/debug/syncz" }, either);
  const states = parseJson(content);
  if (status !== 200 || !Array.isArray(states)) throw new Error(`istiod ${pod.pod} answers ${status} to /debug/syncz`);
  return states as SyncState[];
}

/** A proxy acknowledges what it is sent; one that has not is applying it, or has refused it. */
export function syncFindingsOf(states: readonly SyncState[]): HealthFinding[] {
  const subject = "proxies in sync";
  const isLate = (sent: unknown, acked: unknown) => Boolean(sent) && sent !== acked;
  const late = states.flatMap((state) => {
    // Newer releases of istiod have a mapping by type, older ones these fields.
    const byType = Object.entries(state.resources ?? {}).flatMap(([type, { sent, acked, lastError }]) => {
      const short = type.split(".").at(-1) ?? type;
      if (lastError) return [`${short}: ${lastError}`];
      return isLate(sent, acked) ? [short] : [];
    });
    const parts = resources.filter((name) => isLate(own(state, `${name}_sent`), own(state, `${name}_acked`)));
    const all = byType.length > 0 ? byType : parts;
    return all.length === 0 ? [] : [`${state.proxy ?? "?"} (${all.join(", ")})`];
  });
  if (late.length > 0) {
    const message = `${late.length} of ${states.length} proxies have not acknowledged their configuration: ${listed(late)}`;
    return [
      { level: "warning", subject, message, next: "istioctl proxy-status; the log of the proxy says what it refuses" },
    ];
  }
  return [{ level: "ok", subject, message: `${states.length} proxies have the configuration that istiod sent` }];
}

export function versionFindings({ proxies, agents, bare, controlPlanes }: MeshFindings): HealthFinding[] {
  const wrong = [
    ...proxies.map(({ namespace, pod, problem }) => [`${namespace}/${pod}`, problem] as const),
    ...agents.map(({ name, problem }) => [name, problem] as const),
  ].flatMap(([name, problem]) => (problem === undefined ? [] : [`${name}: ${problem}`]));
  const versions = [...new Set(controlPlanes.map(({ version }) => version ?? "unknown"))].join(", ");
  const ofVersions: HealthFinding =
    controlPlanes.length === 0
      ? { level: "error", subject: "versions", message: "the cluster has no istiod", next: "npm run proxies" }
      : wrong.length === 0
        ? { level: "ok", subject: "versions", message: `${proxies.length} proxies match istiod ${versions}` }
        : { level: "warning", subject: "versions", message: listed(wrong), next: "npm run proxies" };
  const without = bare.map(({ namespace, pod }) => `${namespace}/${pod}`);
  const subject = "outside the mesh";
  const next = "restart them: kubectl rollout restart";
  const ofBare: HealthFinding =
    without.length === 0
      ? { level: "ok", subject, message: "every pod that should have a proxy has one" }
      : { level: "error", subject, message: `without the proxy that they should have: ${listed(without)}`, next };
  return [ofVersions, ofBare];
}

/** Days of a certificate of the mesh's authority below which it is time to rotate it. */
const authorityDays = 30;

/** The root as proxies have it, and the certificate that istiod signs with, where it is another one. */
async function certificateFindings({ server, now = Date.now(), signal }: HealthContext): Promise<HealthFinding[]> {
  const at = { apiVersion: "v1", namespace: rootNamespace };
  const [root, ...signing] = await Promise.all([
    server.get({ ...at, kind: "ConfigMap", name: "istio-ca-root-cert" }, signal),
    ...["cacerts", "istio-ca-secret"].map((name) =>
      ifAllowed(server.get({ ...at, kind: "Secret", name }, signal), undefined),
    ),
  ]);
  const pem = dataOf(root, "root-cert.pem");
  const [signer] = signing.flatMap((secret) => secretText(secret, "ca-cert.pem") ?? []);
  return [
    certificateFinding("the root certificate of the mesh", pem, now),
    ...(signer === undefined || signer.trim() === pem?.trim()
      ? []
      : [certificateFinding("the certificate that istiod signs with", signer, now)]),
  ];
}

/** @param pem of several, the first that ends counts */
export function certificateFinding(what: string, pem: string | undefined, now: number): HealthFinding {
  const subject = "certificates";
  const found = pem?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const ends = found.map((one) => Date.parse(new X509Certificate(one).validTo));
  if (ends.length === 0) {
    return { level: "not known", subject, message: `${what} is not in namespace ${rootNamespace}` };
  }
  const end = Math.min(...ends);
  const days = Math.floor((end - now) / 86_400_000);
  const message = `${what} ends on ${new Date(end).toISOString().slice(0, 10)}, in ${days} days`;
  if (days >= authorityDays) return { level: "ok", subject, message };
  const next = "rotate it: https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/";
  return { level: days < 0 ? "error" : "warning", subject, message, next };
}

interface Mtls {
  readonly mode?: string;
}

/**
 * Workloads that accept plain text by the PeerAuthentication objects of the cluster, which may be others than the settings'.
 *
 * Source: istio/istio, pilot/pkg/security/authn/policy_applier.go, ComposePeerAuthentication.
 */
export function plainTextFindings({ workloads }: HealthRequest, objects: readonly LiveObject[]): HealthFinding[] {
  const subject = "plain text";
  const inOrder = oldestFirst(objects);
  const labelsOf = ({ spec }: LiveObject) =>
    Object.entries(
      (spec?.selector as { matchLabels?: Readonly<Record<string, string>> } | undefined)?.matchLabels ?? {},
    );
  const modeOf = (mtls: Mtls | undefined) => (mtls?.mode === "UNSET" ? undefined : mtls?.mode);
  const open = workloads.flatMap(({ title, namespace, labels, inMesh }) => {
    if (!inMesh) return [`${title} (outside the mesh)`];
    const at = (where: string) => inOrder.filter(({ metadata }) => metadata.namespace === where);
    const isOwn = (one: LiveObject) =>
      labelsOf(one).length > 0 && labelsOf(one).every(([key, value]) => own(labels, key) === value);
    const ofWorkload = namespace === rootNamespace ? undefined : at(namespace).find(isOwn);
    const layers = [
      ofWorkload,
      ...[namespace, rootNamespace].map((where) => at(where).find((one) => labelsOf(one).length === 0)),
    ];
    const mode = layers.map((layer) => modeOf(layer?.spec?.mtls as Mtls | undefined)).find(Boolean) ?? "PERMISSIVE";
    const ports = Object.entries((ofWorkload?.spec?.portLevelMtls ?? {}) as Readonly<Record<string, Mtls>>);
    const all = [mode, ...ports.map(([port, mtls]) => `${modeOf(mtls) ?? mode} at ${port}`)];
    const wrong = all.filter((one) => !one.startsWith("STRICT"));
    return wrong.length === 0 ? [] : [`${title} (${[...new Set(wrong)].join(", ")})`];
  });
  if (open.length === 0) return [{ level: "ok", subject, message: "every workload refuses plain text" }];
  const next = "set mtls: STRICT where no client needs it (npm run policies -- plaintext)";
  return [{ level: "warning", subject, message: `accepted by ${listed(open)}`, next }];
}

/** The first ones, and how many more. */
function listed(names: readonly string[], shown = 5): string {
  const more = names.length > shown ? `, and ${names.length - shown} more` : "";
  return `${names.slice(0, shown).join(", ")}${more}`;
}
