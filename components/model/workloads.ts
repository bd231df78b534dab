import type { Workload } from "../shared/workload";
import type { Settings } from "../settings/schema";

/** Services of Bookinfo that rules may name, with their versions. Source: istio/istio, samples/bookinfo. */
export const bookinfoVersions: Readonly<Record<string, readonly string[]>> = {
  details: ["v1"],
  ratings: ["v1"],
  reviews: ["v1", "v2", "v3"],
  productpage: ["v1"],
};

/** The port every service of Bookinfo listens on. */
export const bookinfoPort = 9080;

/** The identity of a service of Bookinfo: each has its own, so that rules can tell who asks. */
export function bookinfoAccount(service: string): string {
  return `bookinfo-${service}`;
}

/** Bookinfo in the words of policies. */
export function bookinfoWorkloads({ namespace }: { readonly namespace: string }): Workload[] {
  return Object.entries(bookinfoVersions).map(([name, versions]) => ({
    name,
    namespace,
    serviceAccount: bookinfoAccount(name),
    port: bookinfoPort,
    versions,
    versionServices: true,
  }));
}

/** Everything that policies may name, found by namespace and name. */
export class Workloads {
  private readonly byName = new Map<string, Workload>();
  private readonly byNamespace = new Map<string, string[]>();

  /** Namespace of a name that stands alone: that of Bookinfo. */
  readonly defaultNamespace: string | undefined;

  constructor({ bookinfo, applications }: Pick<Settings, "bookinfo" | "applications">) {
    this.defaultNamespace = bookinfo?.namespace;
    for (const workload of bookinfo ? bookinfoWorkloads(bookinfo) : []) this.add(workload);
    for (const { namespace, workloads } of applications ?? []) {
      for (const workload of workloads) this.add({ ...workload, namespace });
    }
  }

  private add(workload: Workload): void {
    const { namespace, name } = workload;
    this.byName.set(`${namespace}/${name}`, workload);
    const names = this.byNamespace.get(namespace);
    if (names) names.push(name);
    else this.byNamespace.set(namespace, [name]);
  }

  find(namespace: string, name: string): Workload | undefined {
    return this.byName.get(`${namespace}/${name}`);
  }

  /** Names in a namespace, in the order of the settings. */
  names(namespace: string): readonly string[] {
    return this.byNamespace.get(namespace) ?? [];
  }

  namespaces(): readonly string[] {
    return [...this.byNamespace.keys()];
  }
}
