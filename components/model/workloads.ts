import type { ConfiguredApplication } from "../apps/application";
import { type ApplicationName, configuredApplications } from "../apps/registry";
import type { Settings } from "../settings/schema";
import type { DeclaredWorkloadSettings } from "../settings/sections/apps";
import { completeKeys, entryReaders, knownFields, mapKnown, readEntries, throwUnknown } from "../shared/unknown";
import {
  type PortProtocol,
  portProtocols,
  type ServicePort,
  type VersionService,
  type Workload,
} from "../shared/workload";
import { isSystemNamespace } from "../shared/istio";
import { own } from "../shared/own";
import { versionName } from "./object-names";

export type WorkloadSections = Pick<Settings, ApplicationName | "applications">;

/** The workloads of the settings: of deployed applications, then of those that are deployed elsewhere. */
export function settingsWorkloads(settings: WorkloadSections): Workload[] {
  return readEntries([
    ...entryReaders(() => configuredApplications(settings)).flatMap((configured) =>
      entryReaders(() => applicationWorkloads(configured())),
    ),
    ...entryReaders(() => settings.applications).flatMap((application) =>
      entryReaders(() => application().workloads).map(
        (workload) => () => declaredWorkload(workload(), () => application().namespace),
      ),
    ),
  ]);
}

/**
 * Namespace of a workload that is named without one: that of the first deployed application, else the only one of
 * `talos-mesh:applications` that is no namespace of the system.
 */
export function defaultNamespace(settings: WorkloadSections): string | undefined {
  const [deployed] = configuredApplications(settings);
  if (deployed) return deployed.settings.namespace;
  const candidates = (settings.applications ?? []).filter(({ namespace }) => !isSystemNamespace(namespace));
  const [only, ...others] = candidates;
  return others.length === 0 ? only?.namespace : undefined;
}

export function applicationWorkloads({ application, settings: { namespace } }: ConfiguredApplication): Workload[] {
  const { services, port } = application;
  return Object.entries(services).map(([name, { versions }]) => ({
    name,
    namespace,
    labels: { app: name },
    serviceAccount: application.serviceAccount(name),
    ports: [{ name: "http", port, protocol: "http" }],
    versions,
    versionServices: versionServices({ name, versions, versionServices: true }),
  }));
}

function declaredWorkload(settings: DeclaredWorkloadSettings, namespace: () => string): Workload {
  return knownFields<Workload>({
    name: () => settings.name,
    namespace,
    labels: () => settings.labels ?? { app: settings.name },
    serviceAccount: () => settings.serviceAccount,
    ports: () => servicePorts(settings),
    podPorts: () => settings.podPorts,
    headless: () => settings.headless,
    versions: () => settings.versions,
    versionServices: () => versionServices(settings),
  });
}

function servicePorts({ port, ports }: DeclaredWorkloadSettings): ServicePort[] {
  if (!ports) return [{ port: port ?? throwUnknown(), protocol: "http" }];
  return mapKnown(ports, (given) => ({ ...given, protocol: given.protocol ?? protocolOfName(given.name) }));
}

/**
 * What Istio takes a port for by its name, such as `tcp-db`; other names leave it to detection, which finds HTTP.
 * Source: istio/istio, pkg/config/kube/conversion.go, ConvertProtocol, and pkg/config/protocol/instance.go, Parse.
 */
export function protocolOfName(name = ""): PortProtocol {
  const prefix = name.split("-")[0];
  if (prefix === "mongo" || prefix === "mysql" || prefix === "redis") return "tcp";
  return portProtocols.find((protocol) => protocol === prefix) ?? "http";
}

export function versionServices({
  name,
  versions,
  versionServices: given,
}: Pick<Workload, "name" | "versions"> & Pick<DeclaredWorkloadSettings, "versionServices">):
  ReadonlyMap<string, VersionService> | undefined {
  if (given === false) return undefined;
  if (given === true) return new Map(versions.map((version) => [version, { name: versionName(name, version) }]));
  return new Map(
    completeKeys(given).map((version) => {
      const { service = versionName(name, version), port } = own(given, version) ?? throwUnknown();
      return [version, { name: service, ...(port !== undefined && { port }) }];
    }),
  );
}
