import { X509Certificate } from "node:crypto";
import { liveControlPlanes, meshFindings, type MeshFindings } from "../../mesh/lifecycle/mesh-state";
import { mtlsModes, type PolicyModel } from "../../model/policies/policy-model";
import { parseJson } from "../../shared/json";
import type { ApiServer } from "../../shared/kubernetes/api-server";
import { dataOf } from "../../shared/kubernetes/object";
import { listPods } from "../../shared/kubernetes/pods";
import { requestPod } from "../../shared/kubernetes/pod-http";
import { own } from "../../shared/own";
import type { HealthFinding } from "../result";

/** What the model says about the mesh that its state is compared with. Plain data. */
export interface HealthRequest {
  /** Workloads that accept plain text, with the mode that lets them: `shop/front (PERMISSIVE)`. */
  readonly plainText: readonly string[];
}

export function healthRequest(model: PolicyModel): HealthRequest {
  const plainText = model.workloads.flatMap((workload) => {
    if (workload.dataPlane === "none") return [`${workload.namespace}/${workload.name} (outside the mesh)`];
    const open = [...new Set(mtlsModes(model, workload).all)].filter((mode) => mode !== "STRICT");
    return open.length === 0 ? [] : [`${workload.namespace}/${workload.name} (${open.join(", ")})`];
  });
  return { plainText };
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
    ["plain text", () => Promise.resolve(plainTextFindings(request))],
  ];
  const found = questions.map(([subject, ask]) =>
    ask().catch(({ message }: Error): HealthFinding[] => [{ level: "not known", subject, message }]),
  );
  const findings = (await Promise.all(found)).flat();
  context.signal?.throwIfAborted();
  return findings;
}

/** A proxy, as istiod's /debug/syncz has it. */
type SyncState = Readonly<Record<string, string | undefined>>;

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
  const late = states.flatMap((state) => {
    const parts = resources.filter((name) => {
      const sent = own(state, `${name}_sent`);
      return sent !== undefined && sent !== "" && sent !== own(state, `${name}_acked`);
    });
    return parts.length === 0 ? [] : [`${state.proxy ?? "?"} (${parts.join(", ")})`];
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
    wrong.length === 0
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

/** Days of the root certificate below which it is time to rotate it. */
const rootDays = 30;

async function certificateFindings({ server, now = Date.now(), signal }: HealthContext): Promise<HealthFinding[]> {
  const kind = { apiVersion: "v1", kind: "ConfigMap", namespace: "default" };
  // istiod writes it into every namespace.
  const found = await server.get({ ...kind, name: "istio-ca-root-cert" }, signal);
  return [rootFinding(dataOf(found, "root-cert.pem"), now)];
}

export function rootFinding(pem: string | undefined, now: number): HealthFinding {
  const subject = "certificates";
  const [certificate] = pem?.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (certificate === undefined) {
    return {
      level: "not known",
      subject,
      message: "there is no root certificate in ConfigMap default/istio-ca-root-cert",
    };
  }
  const { validTo } = new X509Certificate(certificate);
  const days = Math.floor((Date.parse(validTo) - now) / 86_400_000);
  const message = `the root certificate of the mesh ends on ${new Date(validTo).toISOString().slice(0, 10)}, in ${days} days`;
  if (days >= rootDays) return { level: "ok", subject, message };
  const next = "rotate it: https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/";
  return { level: days < 0 ? "error" : "warning", subject, message, next };
}

function plainTextFindings({ plainText }: HealthRequest): HealthFinding[] {
  const subject = "plain text";
  if (plainText.length === 0)
    return [{ level: "ok", subject, message: "no setting lets a workload take it; the probes of mtls measure that" }];
  const next = "set mtls: STRICT where no client needs it (npm run policies -- plaintext)";
  return [{ level: "warning", subject, message: `accepted by ${listed(plainText)}`, next }];
}

/** The first ones, and how many more. */
function listed(names: readonly string[], shown = 5): string {
  const more = names.length > shown ? `, and ${names.length - shown} more` : "";
  return `${names.slice(0, shown).join(", ")}${more}`;
}
