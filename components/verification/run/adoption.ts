import { referenceOf, type LiveObject } from "../../shared/kubernetes/object";

type Labels = Readonly<Record<string, string>>;

interface Selector {
  readonly matchLabels?: Labels;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

/**
 * Why a pod with these labels would count as one of a workload's, although it is never ready; undefined where it would not.
 *
 * A controller takes pods without an owner that its selector matches, and may then delete one of its own as surplus. An
 * autoscaler counts every pod that the selector of its target matches: one that is not ready holds it back, and by metrics
 * other than CPU counts in full (podautoscaler/replica_calculator.go, groupPods). A Service may publish pods that are not
 * ready.
 *
 * Not a disruption budget: its controller counts ready pods only as healthy, and takes the scale that a percentage or
 * `maxUnavailable` is of from the controllers of pods, leaving out pods without one (disruption/disruption.go,
 * countHealthyPods and getExpectedScale). `minAvailable` as a number is the number. So as many evictions are allowed as
 * before; `status.expectedPods` may be one higher, and there may be an event UnmanagedPods, until the pod is deleted.
 */
export function adopterOf(labels: Labels, objects: readonly LiveObject[]): string | undefined {
  const selected = (object: LiveObject) => selects(selectorOf(object), labels);
  for (const object of objects) {
    const title = `${object.kind} ${object.metadata.name}`;
    switch (object.kind) {
      case "Deployment":
        // Its ReplicaSets take pods with a label `pod-template-hash` only.
        continue;
      case "HorizontalPodAutoscaler": {
        const { kind, name } = (object.spec?.scaleTargetRef ?? {}) as { kind?: string; name?: string };
        const target = objects.find((each) => each.kind === kind && referenceOf(each).name === name);
        if (target && selected(target)) return `${title} would count it`;
        continue;
      }
      case "Service":
        if (object.spec?.publishNotReadyAddresses === true && selected(object)) return `${title} would send it traffic`;
        continue;
      default:
        if (selected(object)) return `${title} would take it for its own`;
    }
  }
  return undefined;
}

/** A Service and a ReplicationController have a mapping of labels. */
function selectorOf({ kind, spec }: LiveObject): Selector | undefined {
  const selector = spec?.selector as Selector & Labels;
  return kind === "Service" || kind === "ReplicationController" ? selector && { matchLabels: selector } : selector;
}

/** As Kubernetes matches labels. A selector without requirements is one of none here: such objects do not select by labels. */
export function selects(selector: Selector | undefined, labels: Labels): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector ?? {};
  const given = new Map(Object.entries(labels));
  if (Object.keys(matchLabels).length + matchExpressions.length === 0) return false;
  return (
    Object.entries(matchLabels).every(([key, value]) => given.get(key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      const value = given.get(key);
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value);
        case "NotIn":
          return value === undefined || !values.includes(value);
        case "Exists":
          return value !== undefined;
        default:
          return value === undefined;
      }
    })
  );
}
