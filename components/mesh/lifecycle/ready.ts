import { rootNamespace } from "../../shared/istio";
import { ApiError, type ApplyObject } from "../../shared/kubernetes/api-server";
import { readPod } from "../../shared/kubernetes/pods";
import { type StepContext, waitForStep } from "../../shared/step/program";
import type { StepRequests } from "./steps";

/** Whether the webhooks answered. `not measured`: the cluster has none of Istio. */
interface Answers {
  readonly injection: "answers" | "not measured";
  readonly validation: "answers" | "not measured";
}

/**
 * A mesh is not ready yet when its Deployment is available: for some seconds a webhook may still refuse connections
 * (istio#61049). So for each revision and tag a new pod has to get a proxy of the right control plane, a VirtualService has
 * to be accepted and a wrong one refused; all as dry runs that leave nothing, and twice in a row, as istiod may have several
 * replicas.
 */
export async function ready(context: StepContext, request: StepRequests["ready"]): Promise<Answers> {
  const { server, log } = context;
  const { controlPlanes, tags, simulatedNodes } = request;
  const next = `see kubectl -n ${rootNamespace} logs -l app=istiod; then run the same command again`;
  if (simulatedNodes) {
    await waitForStep(context, { seconds: 120, next }, () => accepted(server, goodRoute({})));
    log("nodes are simulated: no webhook answers, so injection and validation were not measured");
    return { injection: "not measured", validation: "not measured" };
  }

  const validating = await anyWebhook(server, "ValidatingWebhookConfiguration");
  const mutating = await anyWebhook(server, "MutatingWebhookConfiguration");
  const names = new Map([
    ...controlPlanes.map(({ revision }) => [revision, revision] as const),
    ...Object.entries(tags),
  ]);
  await waitForStep(context, { seconds: 300, consecutive: 2, next }, async () => {
    for (const [name, revision] of mutating ? names : []) {
      const missing = await injected(server, name, revision);
      if (missing !== undefined) return missing;
    }
    for (const { revision } of controlPlanes) {
      const labels = { "istio.io/rev": revision };
      const missing = (await accepted(server, goodRoute(labels))) ?? (validating && (await refused(server, labels)));
      if (missing) return missing;
    }
    return undefined;
  });
  if (!mutating) log("there is no injector webhook of Istio in this cluster: injection was not measured");
  if (!validating) log("there is no validating webhook of Istio in this cluster: validation was not measured");
  return { injection: mutating ? "answers" : "not measured", validation: validating ? "answers" : "not measured" };
}

type Server = StepContext["server"];

/** Users may have others manage the webhooks (`operatorManageWebhooks`), or turn validation off. */
async function anyWebhook(server: Server, kind: string): Promise<boolean> {
  const found = await server.list(
    { apiVersion: "admissionregistration.k8s.io/v1", kind },
    { labelSelector: "istio.io/rev" },
  );
  return found.length > 0;
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
          securityContext: {
            allowPrivilegeEscalation: false,
            runAsNonRoot: true,
            runAsUser: 65534,
            capabilities: { drop: ["ALL"] },
            seccompProfile: { type: "RuntimeDefault" },
          },
        },
      ],
    },
  });
  const { proxy, revision: found } = readPod(pod);
  if (!proxy) return `a pod with the label istio.io/rev: ${name} gets no proxy yet`;
  if (found === revision) return undefined;
  return `a pod with the label istio.io/rev: ${name} gets a proxy of ${found}, not of ${revision}`;
}

function route(labels: Readonly<Record<string, string>>, http: unknown): ApplyObject {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "talos-mesh-readiness", namespace: rootNamespace, labels },
    spec: { hosts: ["readiness.talos-mesh.invalid"], http: [http] },
  };
}

function goodRoute(labels: Readonly<Record<string, string>>): ApplyObject {
  return route(labels, { route: [{ destination: { host: "readiness.talos-mesh.invalid" } }] });
}

async function accepted(server: Server, object: ApplyObject): Promise<string | undefined> {
  await server.dryRun(object);
  return undefined;
}

/** The CRD's schema allows a rule without a route; istiod refuses it. */
async function refused(server: Server, labels: Readonly<Record<string, string>>): Promise<string | undefined> {
  const wrong = route(labels, { retries: { attempts: 1 } });
  try {
    await server.dryRun(wrong);
  } catch (error) {
    if (error instanceof ApiError && error.status < 500 && /denied the request/.test(error.message)) return undefined;
    throw error;
  }
  return `a wrong VirtualService of revision ${labels["istio.io/rev"] ?? ""} is accepted: nothing validates yet`;
}
