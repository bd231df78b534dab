import type { MirrorSettings } from "../../settings/sections/http-rule";
import { copyWithField, knownEntries, throwUnknown } from "../../shared/unknown";
import { isEncrypted, isHttp, type Workload } from "../../shared/workload";
import { type Names, workloadKey } from "../names";
import { type ExternalPort, type ExternalService, findExternalService } from "./external-services";
import type { MeshService, PolicyModel, RouteTarget } from "./policy-model";

type Named = Pick<MirrorSettings, "host" | "namespace">;

/** Finds the services that routes name: workloads, and hosts of external services. */
export class RouteTargets {
  readonly names: Names;
  private readonly services: ReadonlyMap<string, MeshService>;
  private readonly externalServices: readonly ExternalService[];

  /** @param complete whether no entry is missing that may be one of a known service */
  constructor(
    { services, names, externalServices }: Pick<PolicyModel, "services" | "names" | "externalServices">,
    private readonly complete = true,
  ) {
    this.names = names;
    this.services = new Map(knownEntries(services).map(([, service]) => [workloadKey(service), service]));
    this.externalServices = knownEntries(externalServices).map(([, external]) => external);
  }

  /** Those of a model that is asked often; of which every entry is known. */
  static of(model: PolicyModel): RouteTargets {
    const found = ofModel.get(model) ?? new RouteTargets(model);
    ofModel.set(model, found);
    return found;
  }

  /** The service itself where no host is named. */
  find(from: RouteTarget, { host, namespace }: Named): RouteTarget | undefined {
    return host === undefined ? from : this.named(host, namespace ?? from.namespace);
  }

  /** A workload, or else a host of an external service. */
  named(host: string, namespace: string): RouteTarget | undefined {
    const workload = this.names.findWorkload(namespace, host);
    if (workload) return this.target(workload);
    const external = findExternalService(this.externalServices, host);
    return external && externalTarget(external, host);
  }

  private target(workload: Workload): RouteTarget {
    const { name, namespace } = workload;
    // Without an entry in the settings it has no subsets; an entry that could not be read may be one of its own.
    const known = this.services.get(workloadKey(workload)) ?? {
      ...this.names.workload(name, namespace),
      subsets: [],
    };
    return this.complete ? known : copyWithField(known, "subsets", throwUnknown);
  }
}

const ofModel = new WeakMap<PolicyModel, RouteTargets>();

/** What rules need to know of a service outside the mesh. */
export function externalTarget(
  { name, namespace, waypoint, ports, settings: { subsets } }: ExternalService,
  host: string,
): RouteTarget {
  const protocolOf = (port: ExternalPort) => (isHttp(port) ? "http" : isEncrypted(port) ? "tls" : "tcp");
  return {
    name,
    namespace,
    host,
    labels: {},
    ports: ports.map((port) => ({ port: port.number, protocol: protocolOf(port) })),
    dataPlane: "sidecar",
    waypoint,
    subsets,
  };
}
