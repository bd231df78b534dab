import type { Environment } from "../../components/cluster/kinds/cluster-kind";
import { releaseType } from "../../components/shared/kubernetes/helm-records";
import { asTree, type Tree } from "../../components/shared/merge";
import type { ExceptableId, GuardrailId } from "./ids";

/** In the words of Pulumi: an advisory violation is reported, a mandatory one fails. */
export type Severity = "advisory" | "mandatory" | "disabled";

export type Severities = Readonly<Record<Environment, Severity>>;

/** What holds everywhere, and is only reported where one tries things out. */
export const outsideDev: Severities = { dev: "advisory", staging: "mandatory", production: "mandatory" };

/** What production needs; staging, built like it, hears of it. */
export const inProduction: Severities = { dev: "disabled", staging: "advisory", production: "mandatory" };

/** In place of a value that only a deployment can know. A guardrail does not judge it. */
export const unknownValue = Symbol("known after deployment");

/** A resource of the program, as the engine and `render` both have it. */
export interface GuardedResource {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  /** Inputs, or outputs where the engine has them: secrets as their values, which no message may repeat. */
  readonly props: Tree;
  /** Pulumi's option `protect`. */
  readonly protect: boolean;
}

export interface Exception {
  readonly id: ExceptableId;
  /** As violations name it; @default every resource */
  readonly resource?: string | undefined;
  readonly reason: string;
  /** The last day on which it holds, such as 2027-03-31. */
  readonly until: string;
}

/** What is known besides the resources. */
export interface Facts {
  readonly environment: Environment;
  readonly exceptions: readonly Exception[];
  /** The day in UTC, such as 2027-03-31. */
  readonly today: string;
  /** Names under `talos-mesh:secrets` whose values are not encrypted; undefined where the stack file cannot be read. */
  readonly plainSecrets: readonly string[] | undefined;
}

export function today(): string {
  return new Date().toISOString().slice(0, 10);
}

/** What is wrong, and what to do. */
export interface Finding {
  readonly message: string;
  /** @default the stack */
  readonly resource?: GuardedResource;
}

export interface Example {
  readonly resources?: readonly GuardedResource[];
  readonly facts?: Partial<Facts>;
}

interface Description {
  readonly id: GuardrailId;
  /** What holds, as a sentence without its full stop. */
  readonly title: string;
  readonly why: string;
  readonly severity: Severities;
  /** What it can judge and what it cannot. */
  readonly sees: string;
  readonly passing: Example;
  readonly failing: Example;
}

/** Judged alone, by the engine before the resource is changed. */
export interface ResourceGuardrail extends Description {
  readonly scope: "resource";
  check(resource: GuardedResource, facts: Facts): Iterable<string>;
}

/** Judged with everything else, by the engine at the end of a preview. */
export interface StackGuardrail extends Description {
  readonly scope: "stack";
  check(resources: readonly GuardedResource[], facts: Facts): Iterable<Finding>;
}

export type Guardrail = ResourceGuardrail | StackGuardrail;

/** An object for an example. */
export function object(props: Tree): GuardedResource {
  const { apiVersion, kind, metadata } = props;
  return exampleOf(`kubernetes:${String(apiVersion)}:${String(kind)}`, String(asTree(metadata).name), props);
}

/** A Deployment of one container for an example. */
export function deployment(container: Tree): GuardedResource {
  return object({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "details-v1", namespace: "bookinfo" },
    spec: { template: { spec: { containers: [{ name: "details", ...container }] } } },
  });
}

/** A Gateway of Istio's API for an example. */
export function istioGateway(servers: readonly Tree[]): GuardedResource {
  return object({
    apiVersion: "networking.istio.io/v1",
    kind: "Gateway",
    metadata: { name: "ingress", namespace: "istio-ingress" },
    spec: { selector: { istio: "ingress" }, servers },
  });
}

/** A namespace with sidecars for an example. */
export const injectedNamespace = object({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: "bookinfo", labels: { "istio-injection": "enabled" } },
});

/** A Helm release for an example; its own namespace is `namespace`. */
export function release(chart: string, namespace: string, values: Tree, name = chart): GuardedResource {
  return exampleOf(releaseType, name, { chart, name, namespace, values });
}

export function exampleOf(type: string, name: string, props: Tree, protect = false): GuardedResource {
  return { urn: `urn:pulumi:example::talos-mesh::${type}::${name}`, type, name, props, protect };
}
