import { rootNamespace } from "../../shared/istio";
import { containersOf } from "../../shared/kubernetes/pods";
import { type StepContext, waitForStep } from "../../shared/step/program";
import type { PodTemplate, StepRequests } from "./steps";
import { own } from "../../shared/own";

/**
 * The counterpart of `istioctl kube-inject`: creates a pod as a dry run, so that the injector writes the proxy into it, and
 * removes what belongs to one pod only.
 */
export async function inject(context: StepContext, request: StepRequests["inject"]): Promise<PodTemplate> {
  const { namespace, deployment, labels } = request;
  let pod: Pod = { metadata: {}, spec: {} };
  const next = `see kubectl -n ${rootNamespace} logs -l app=istiod; then run the same command again`;
  await waitForStep(context, { seconds: 120, next }, async () => {
    pod = (await context.server.dryRun(podOf(request))) as unknown as Pod;
    const proxied = containersOf(pod.spec).some(({ name }) => name === "istio-proxy");
    return proxied ? undefined : `no injector writes a proxy into ${namespace}/${deployment}`;
  });
  return templateOf(pod, Object.keys(labels));
}

interface Pod {
  readonly metadata: Partial<PodTemplate["metadata"]>;
  readonly spec: Readonly<Record<string, unknown>>;
}

/** In place of the hash of a ReplicaSet: with it the injector finds the name of the pod's Deployment. */
const hash = "static";

function podOf({ namespace, deployment, labels, template: { metadata, spec } }: StepRequests["inject"]) {
  const owner = `${deployment}-${hash}`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      // The injector looks at a pod's owner only where its name is generated.
      name: `${owner}-pod`,
      generateName: `${owner}-`,
      namespace,
      labels: { ...metadata.labels, ...labels, "pod-template-hash": hash },
      annotations: metadata.annotations,
      ownerReferences: [
        {
          apiVersion: "apps/v1",
          kind: "ReplicaSet",
          name: owner,
          uid: "00000000-0000-0000-0000-000000000000",
          controller: true,
        },
      ],
    },
    spec,
  };
}

/** What admission adds to a pod and a template does not have. */
const perPod = "nodeName priority preemptionPolicy serviceAccount schedulerName enableServiceLinks tolerations".split(
  " ",
);

function templateOf({ metadata, spec }: Pod, requested: readonly string[]): PodTemplate {
  const labels = without(metadata.labels, [...requested, "pod-template-hash"]);
  const token = /^kube-api-access-/;
  const named = (key: string) => (own(spec, key) ?? []) as { name: string; volumeMounts?: { name: string }[] }[];
  const containers = (key: string) =>
    named(key).map((container) => ({
      ...container,
      volumeMounts: container.volumeMounts?.filter(({ name }) => !token.test(name)),
    }));
  return {
    metadata: { labels, annotations: metadata.annotations },
    spec: {
      ...without(spec, perPod),
      containers: containers("containers"),
      initContainers: containers("initContainers"),
      volumes: named("volumes").filter(({ name }) => !token.test(name)),
    },
  } as PodTemplate;
}

function without(record: object | undefined, keys: readonly string[]) {
  return Object.fromEntries(Object.entries(record ?? {}).filter(([key]) => !keys.includes(key)));
}
