import type { Workload } from "../shared/workload";
import type { Settings } from "./schema";

/** Services of Bookinfo that rules may name, with their versions. Source: istio/istio, samples/bookinfo. */
const bookinfoVersions: Readonly<Record<string, readonly string[]>> = {
  details: ["v1"],
  ratings: ["v1"],
  reviews: ["v1", "v2", "v3"],
  productpage: ["v1"],
};

const bookinfoPort = 9080;

/** Everything that policies may name, found by namespace and name. */
export class Workloads {
  private readonly byNamespace = new Map<string, Map<string, Workload>>();

  /** Namespace of a name that stands alone: that of Bookinfo. */
  readonly defaultNamespace: string | undefined;

  constructor({ bookinfo, applications }: Pick<Settings, "bookinfo" | "applications">) {
    this.defaultNamespace = bookinfo?.namespace;
    for (const [name, versions] of Object.entries(bookinfo ? bookinfoVersions : {})) {
      this.add({
        name,
        namespace: bookinfo?.namespace ?? "",
        serviceAccount: `bookinfo-${name}`,
        port: bookinfoPort,
        versions,
      });
    }
    for (const { namespace, workloads } of applications ?? []) {
      for (const workload of workloads) this.add({ ...workload, namespace });
    }
  }

  private add(workload: Workload): void {
    const names = this.byNamespace.get(workload.namespace) ?? new Map<string, Workload>();
    this.byNamespace.set(workload.namespace, names.set(workload.name, workload));
  }

  find(namespace: string, name: string): Workload | undefined {
    return this.byNamespace.get(namespace)?.get(name);
  }

  /** Names in a namespace, in the order of the settings. */
  names(namespace: string): string[] {
    return [...(this.byNamespace.get(namespace)?.keys() ?? [])];
  }

  namespaces(): string[] {
    return [...this.byNamespace.keys()];
  }
}
