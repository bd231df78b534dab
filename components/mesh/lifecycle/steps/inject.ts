import { rootNamespace } from "../../../shared/istio";
import { type StepContext, StepError, waitFor } from "../context";
import { containersOf } from "../live";
import type { PodTemplate, StepRequests } from "../requests";

/**
 * The counterpart of `istioctl kube-inject`: asks the API server for a dry run of a pod, lets the injector write the proxy
 * into it, and takes out again what belongs to one pod only. Equal settings and an equal control plane give
 * equal text.
 */
export async function inject(
  context: StepContext,
  { namespace, deployment, labels, template }: StepRequests["inject"],
): Promise<PodTemplate> {
  let pod: Pod | undefined;
  const next = `see kubectl -n ${rootNamespace} logs -l app=istiod; then run the same command again`;
  await waitFor(context, { seconds: 120, next }, async () => {
    pod = (await context.server.dryRun(podOf(namespace, deployment, labels, template))) as unknown as Pod;
    const proxied = containersOf(pod.spec).some(({ name }) => name === "istio-proxy");
    return proxied ? undefined : `no injector writes a proxy into ${namespace}/${deployment}`;
  });
  if (!pod) throw new StepError(`there is no pod of ${namespace}/${deployment}`, next);
  return templateOf(pod, Object.keys(labels));
}

interface Pod {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** Stands for the hash a ReplicaSet's pods have: by it the injector knows the Deployment that the pod is of. */
const hash = "static";

function podOf(
  namespace: string,
  deployment: string,
  labels: Readonly<Record<string, string>>,
  { metadata, spec }: PodTemplate,
) {
  const owner = `${deployment}-${hash}`;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      // The injector looks for a pod's owner only where its name is generated.
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

/** What admission adds to a pod that comes into being, and to no template. */
const perPod = [
  "nodeName",
  "priority",
  "preemptionPolicy",
  "serviceAccount",
  "schedulerName",
  "enableServiceLinks",
  "tolerations",
];

function templateOf({ metadata, spec }: Pod, asked: readonly string[]): PodTemplate {
  const labels = without(metadata.labels, [...asked, "pod-template-hash"]);
  const token = /^kube-api-access-/;
  const named = (key: string) => (spec[key] ?? []) as { name: string; volumeMounts?: { name: string }[] }[];
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

function without<Value>(
  record: Readonly<Record<string, Value>> | undefined,
  keys: readonly string[],
): Record<string, Value> {
  return Object.fromEntries(Object.entries(record ?? {}).filter(([key]) => !keys.includes(key)));
}
