import { rootNamespace } from "../../shared/istio";
import { ApiError, type ApplyObject, type LiveObject } from "../../shared/kubernetes/api-server";
import { conditionsOf, dataOf, unprivileged } from "../../shared/kubernetes/object";
import { istiodCertificate, istioCsrChart } from "../values/istio-csr";
import { readPod } from "../../shared/kubernetes/pods";
import { eventsOf, loadBalancerAddress, ownReadiness } from "../../shared/kubernetes/readiness";
import { type StepContext, waitForStep } from "../../shared/step/program";
import type { GatewayExtra, StepRequests } from "./steps";

const seeIstiodLogs = `see kubectl -n ${rootNamespace} logs -l app=istiod; then run the same command again`;

/**
 * A mesh is not ready yet when its Deployment is available: for some seconds a webhook may still refuse connections
 * (istio#61049). So for each revision and tag a new pod has to get a proxy of the right control plane, a VirtualService has
 * to be accepted and a wrong one refused; all as dry runs that leave nothing, and twice in a row, as istiod may have several
 * replicas.
 */
export async function ready(context: StepContext, request: StepRequests["ready"]) {
  const { server, log } = context;
  const { controlPlanes, tags, simulatedNodes } = request;
  if (simulatedNodes) {
    await waitForStep(context, { seconds: 120, next: seeIstiodLogs }, () => accepted(server, {}));
    log("nodes are simulated: no webhook answers, so injection and validation were not measured");
    return { injection: "not measured", validation: "not measured" };
  }

  const validating = await anyWebhook(server, "ValidatingWebhookConfiguration");
  const mutating = await anyWebhook(server, "MutatingWebhookConfiguration");
  const names = [...controlPlanes.map(({ revision }) => [revision, revision] as const), ...Object.entries(tags)];
  await waitForStep(context, { seconds: 300, consecutive: 2, next: seeIstiodLogs }, async () => {
    for (const [name, revision] of mutating ? names : []) {
      const missing = await injected(server, name, revision);
      if (missing !== undefined) return missing;
    }
    for (const { revision } of controlPlanes) {
      const labels = { "istio.io/rev": revision };
      await accepted(server, labels);
      const missing = validating ? await refused(server, labels) : undefined;
      if (missing !== undefined) return missing;
    }
    return undefined;
  });
  if (!mutating) log("there is no injector webhook of Istio in this cluster: injection was not measured");
  if (!validating) log("there is no validating webhook of Istio in this cluster: validation was not measured");
  return { injection: mutating ? "answers" : "not measured", validation: validating ? "answers" : "not measured" };
}

/**
 * Waits for what istiod reads when it starts, and only then: its certificate from cert-manager, for the names of all its
 * revisions, and the root. Without them it would serve no TLS until it is started again.
 */
export async function authorityReady(context: StepContext) {
  const { server } = context;
  const certificate = {
    apiVersion: "cert-manager.io/v1",
    kind: "Certificate",
    namespace: rootNamespace,
    name: istiodCertificate,
  };
  const roots = { apiVersion: "v1", kind: "ConfigMap", namespace: rootNamespace, name: "istio-ca-root-cert" };
  const kubectl = `kubectl -n ${rootNamespace}`;
  const next = `see ${kubectl} describe certificate,certificaterequest and ${kubectl} logs deploy/${istioCsrChart.name}; then run the same command again`;
  await waitForStep(context, { seconds: 300, next }, async () => {
    const found = await server.get(certificate);
    if (!found) return `there is no Certificate ${rootNamespace}/${istiodCertificate}`;
    const condition = conditionsOf(found).find(({ type }) => type === "Ready");
    const isBehind = (condition?.observedGeneration ?? 0) < (found.metadata.generation ?? 0);
    if (condition?.status !== "True" || isBehind) {
      const reason = (isBehind ? undefined : condition?.message) ?? "cert-manager has not issued it yet";
      return `the Certificate ${rootNamespace}/${istiodCertificate}: ${reason}`;
    }
    if (dataOf(await server.get(roots), "root-cert.pem") !== undefined) return undefined;
    return `istio-csr has not written the ConfigMap ${rootNamespace}/istio-ca-root-cert yet`;
  });
  return {};
}

type Server = StepContext["server"];

/** Users may have others manage the webhooks (`operatorManageWebhooks`), or turn validation off. */
async function anyWebhook(server: Server, kind: string): Promise<boolean> {
  const webhooks = { apiVersion: "admissionregistration.k8s.io/v1", kind };
  return (await server.list(webhooks, { labelSelector: "istio.io/rev" })).length > 0;
}

/** By a pod with a label of its own, as istio-system has none. */
async function injected(server: Server, name: string, revision: string): Promise<string | undefined> {
  const pod = await server.dryRun({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "talos-mesh-readiness", namespace: rootNamespace, labels: { "istio.io/rev": name } },
    spec: {
      containers: [
        {
          name: "probe",
          image: "registry.k8s.io/pause:3.10",
          securityContext: { ...unprivileged, runAsNonRoot: true, runAsUser: 65534 },
        },
      ],
    },
  });
  const { proxy, revision: found } = readPod(pod);
  if (!proxy) return `a pod with the label istio.io/rev: ${name} gets no proxy yet`;
  if (found === revision) return undefined;
  return `a pod with the label istio.io/rev: ${name} gets a proxy of ${found}, not of ${revision}`;
}

type Labels = Readonly<Record<string, string>>;

function route(labels: Labels, http: unknown): ApplyObject {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "talos-mesh-readiness", namespace: rootNamespace, labels },
    spec: { hosts: ["readiness.talos-mesh.invalid"], http: [http] },
  };
}

async function accepted(server: Server, labels: Labels): Promise<undefined> {
  await server.dryRun(route(labels, { route: [{ destination: { host: "readiness.talos-mesh.invalid" } }] }));
}

/** The CRD's schema allows a rule without a route; istiod refuses it. */
async function refused(server: Server, labels: Labels): Promise<string | undefined> {
  try {
    await server.dryRun(route(labels, { retries: { attempts: 1 } }));
  } catch (error) {
    if (error instanceof ApiError && error.status < 500 && /denied the request/.test(error.message)) return undefined;
    throw error;
  }
  return `a wrong VirtualService of revision ${labels["istio.io/rev"] ?? ""} is accepted: nothing validates yet`;
}

/** Seconds for a gateway's pods, as for a Helm release; see shared/helm-release.ts. */
const rolloutSeconds = 600;

/**
 * Waits for a gateway behind a load balancer, which its release does not: Helm would wait for an address until its timeout,
 * mark the release as failed and remove the gateway again without a reason. Also waits for a gateway or a waypoint that
 * istiod deploys, because istiod reports it as programmed before all its pods run.
 */
export async function gatewayAddress(
  context: StepContext,
  { namespace, release, addressSeconds, unset = [] }: StepRequests["gateway-address"],
): Promise<{ readonly address?: string }> {
  const { server } = context;
  const kubectl = `kubectl -n ${namespace}`;
  const next = `see ${kubectl} describe deployment/${release} and ${kubectl} describe pods; then run the same command again`;
  await waitForStep(context, { seconds: rolloutSeconds, next }, async () => {
    const found = await server.get({ apiVersion: "apps/v1", kind: "Deployment", namespace, name: release });
    if (!found) return `there is no Deployment ${namespace}/${release}`;
    const { missing } = ownReadiness(found);
    return missing === undefined ? undefined : `${release}: ${missing}`;
  });
  await removeUnset(context, { namespace, name: release }, unset);
  if (addressSeconds === undefined) return {};
  let address = "";
  const remedy =
    `see ${kubectl} describe service ${release}; where nothing assigns addresses, install something that does ` +
    "(MetalLB, Cilium's LB IPAM, or the cloud's own controller), or set serviceType: NodePort for this gateway in talos-mesh:gateways";
  await waitForStep(context, { seconds: addressSeconds, next: remedy }, async () => {
    const service = await server.get({ apiVersion: "v1", kind: "Service", namespace, name: release });
    address = (service && loadBalancerAddress(service)) ?? "";
    if (address !== "") return undefined;
    const reason = service && (await lastWarning(server, service));
    return `no load balancer has given Service ${namespace}/${release} an address${reason === undefined ? "" : ` (${reason})`}`;
  });
  return { address };
}

/** Why a controller could not do what an object requests, as its newest Event says. */
async function lastWarning(server: Server, object: LiveObject): Promise<string | undefined> {
  return (await eventsOf(server, object))
    .filter(({ type }) => type === "Warning")
    .sort((a, b) => ((a.lastTimestamp ?? "") < (b.lastTimestamp ?? "") ? -1 : 1))
    .at(-1)?.message;
}

const apiVersions: { readonly [Kind in GatewayExtra]: string } = {
  HorizontalPodAutoscaler: "autoscaling/v2",
  PodDisruptionBudget: "policy/v1",
};

/**
 * istiod applies what its template renders and deletes nothing, so that objects for an earlier setting would stay in effect.
 * Source: istio/istio, pilot/pkg/config/kube/gatewaycommon/deploymentcontroller.go.
 */
async function removeUnset(
  context: StepContext,
  target: { readonly namespace: string; readonly name: string },
  kinds: readonly GatewayExtra[],
): Promise<void> {
  const { server, log } = context;
  for (const kind of kinds) {
    const reference = { apiVersion: apiVersions[kind], kind, ...target };
    const title = `${kind} ${target.namespace}/${target.name}, which no setting requests any more`;
    const remove = async () => {
      const found = await server.get(reference);
      if (found?.metadata.labels?.["gateway.istio.io/managed"] !== "istio.io-gateway-controller") return undefined;
      await server.delete(reference);
      return `${title}, exists again`;
    };
    if ((await remove()) === undefined) continue;
    log(`removed ${title}`);
    // An istiod that has not seen the change yet may create it once more.
    await waitForStep(context, { seconds: 60, consecutive: 2, next: seeIstiodLogs }, remove);
  }
}
