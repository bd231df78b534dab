import {
  ApiError,
  type ApplyObject,
  type LiveObject,
  UnknownKindError,
} from "../../../components/shared/kubernetes/api-server";
import type { StepContext } from "../../../components/shared/step/program";

type Labels = Readonly<Record<string, string>>;

/** An object as tests write it down. */
export interface Given {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Labels;
    readonly annotations?: Labels;
    readonly generation?: number;
    readonly deletionTimestamp?: string;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
  readonly [field: string]: unknown;
}

/** Answers a dry run: the object as admission leaves it, or an error. */
type Admission = (object: ApplyObject) => Given | Error;

/** An API server of a few objects, and a clock that only waiting moves. */
export class FakeCluster implements StepContext {
  readonly logged: string[] = [];
  readonly deleted: string[] = [];
  readonly applied: ApplyObject[] = [];
  admission: Admission = (object) => object as unknown as Given;
  /** Called after each sleep, with the seconds since the beginning. */
  meanwhile: (waited: number) => void = () => undefined;
  private clock = 0;

  constructor(
    readonly objects: Given[] = [],
    private readonly unknownKinds: readonly string[] = [],
  ) {}

  readonly log = (line: string) => void this.logged.push(line);
  readonly now = () => this.clock;
  readonly sleep = (ms: number) => {
    this.clock += ms;
    this.meanwhile(this.clock / 1000);
    return Promise.resolve();
  };

  readonly server: StepContext["server"] = {
    get: (reference) => Promise.resolve(this.find(reference)),
    list: ({ kind, namespace }, { labelSelector } = {}) => {
      if (this.unknownKinds.includes(kind)) return Promise.reject(new UnknownKindError(`no kind ${kind}`));
      const found = this.objects.filter(
        (object) =>
          object.kind === kind &&
          (namespace === undefined || object.metadata.namespace === namespace) &&
          selects(labelSelector, object.metadata.labels ?? {}),
      );
      return Promise.resolve(found as unknown as LiveObject[]);
    },
    apply: (object) => {
      this.applied.push(object);
      this.objects.push(object as unknown as Given);
      return Promise.resolve(object as unknown as LiveObject);
    },
    dryRun: (object) => {
      const answer = this.admission(object);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer as unknown as LiveObject);
    },
    delete: (reference) => {
      const found = this.find(reference);
      if (!found) return Promise.resolve(false);
      this.objects.splice(this.objects.indexOf(found as unknown as Given), 1);
      this.deleted.push([reference.kind, reference.namespace, reference.name].filter(Boolean).join(" "));
      return Promise.resolve(true);
    },
  };

  private find({ kind, namespace, name }: { kind: string; namespace?: string; name: string }): LiveObject | undefined {
    const found = this.objects.find(
      ({ metadata, ...object }) => object.kind === kind && metadata.name === name && metadata.namespace === namespace,
    );
    return found as unknown as LiveObject | undefined;
  }
}

function selects(selector: string | undefined, labels: Labels): boolean {
  if (selector === undefined) return true;
  const [key = "", value] = selector.split("=");
  return value === undefined ? Object.hasOwn(labels, key) : labels[key] === value;
}

/** A webhook's refusal, as the API server passes it on. */
export function denied(webhook: string): ApiError {
  return new ApiError(400, `admission webhook "${webhook}" denied the request: configuration is invalid`);
}

const namespace = "istio-system";

/** An istiod, wholly rolled out unless `status` says otherwise. */
export function istiod(version: string, revision = "default", status: Readonly<Record<string, unknown>> = {}): Given {
  const name = revision === "default" ? "istiod" : `istiod-${revision}`;
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      name,
      namespace,
      generation: 2,
      labels: { app: "istiod", "istio.io/rev": revision, "app.kubernetes.io/version": version },
    },
    spec: { replicas: 1, template: { spec: { containers: [{ name: "discovery", image: `istio/pilot:${version}` }] } } },
    status: { observedGeneration: 2, replicas: 1, updatedReplicas: 1, availableReplicas: 1, ...status },
  };
}

/** istio-cni, whose version only its image has. */
export function istioCni(version: string): Given {
  const containers = [{ name: "install-cni", image: `docker.io/istio/install-cni:${version}-distroless` }];
  return {
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name: "istio-cni-node", namespace },
    spec: { template: { spec: { containers } } },
  };
}

/** A pod with a sidecar, as the injector leaves it. */
export function injectedPod(
  name: string,
  revision: string,
  version = "1.31.1",
  more: Partial<Given["metadata"]> = {},
): Given {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: "shop",
      annotations: { "sidecar.istio.io/status": JSON.stringify({ revision }) },
      ...more,
    },
    spec: {
      initContainers: [{ name: "istio-proxy", image: `docker.io/istio/proxyv2:${version}` }],
      containers: [{ name: "app" }],
    },
    status: { phase: "Running", conditions: [{ type: "Ready", status: "True" }] },
  };
}

/** The Secret that Helm keeps for a revision of a release. */
export function helmRevision(name: string, revision: number, status: string): Given {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {
      name: `sh.helm.release.v1.${name}.v${revision}`,
      namespace,
      labels: { owner: "helm", name, version: String(revision), status },
    },
  };
}
