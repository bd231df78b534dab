import type { Settings } from "../../settings/schema";
import type { SidecarSettings } from "../../settings/sections/proxies";
import type { SettingPath } from "../../shared/problem";
import { copyWithField, entryReaders, knownFields, readEntries } from "../../shared/unknown";
import type { Workload } from "../../shared/workload";
import { proxyServices } from "../mesh-config";
import { type MeshWorkload, type Names, type PolicyTarget, targetKey } from "../names";

/** What the sidecars of a target know: an entry of `mesh.sidecars`. */
export interface KnownHosts {
  readonly path: SettingPath;
  readonly settings: SidecarSettings;
  readonly target: PolicyTarget;
  /** Those of the entry, and what every proxy calls. */
  readonly hosts: readonly string[];
  /** What a sidecar does with a request to anything else. */
  readonly others: NonNullable<SidecarSettings["outboundTrafficPolicy"]>;
  /** Waypoints have no part in it. */
  readonly appliesToWaypoints: true;
}

export function knownHosts(
  settings: Pick<Settings, "mesh" | "traffic" | "security" | "telemetry" | "observability">,
  names: Names,
): KnownHosts[] {
  const { mesh } = settings;
  const readers = entryReaders(() => mesh.sidecars).map((read, index) => () => {
    const entry = read();
    const target = () => names.target(entry.workload);
    const fields = knownFields<Omit<KnownHosts, "settings">>({
      path: () => ["mesh", "sidecars", index],
      target,
      hosts: () => withServices(entry.hosts, proxyServices(settings)),
      others: () => entry.outboundTrafficPolicy ?? mesh.outboundTrafficPolicy,
      appliesToWaypoints: () => true as const,
    });
    return copyWithField(fields, "settings", () => entry);
  });
  return readEntries(readers);
}

/** A collector of telemetry that a proxy does not know gets none. */
function withServices(hosts: readonly string[], services: readonly string[]): string[] {
  const isKnown = (service: string) => {
    const [, host = ""] = service.split("/");
    const [, namespace = ""] = host.split(".");
    return isSelected(hosts, "", { namespace, host });
  };
  return [...hosts, ...services.filter((service) => !isKnown(service))];
}

/** The entry for a workload: its own, else that of its namespace, else that of the mesh. */
export function knownHostsOf(all: readonly KnownHosts[], workload: MeshWorkload): KnownHosts | undefined {
  if (workload.dataPlane !== "sidecar") return undefined;
  const { name, namespace } = workload;
  const keys = [
    { kind: "workload" as const, name, namespace },
    { kind: "namespace" as const, namespace },
  ].map(targetKey);
  const byKey = new Map(all.map((one) => [targetKey(one.target), one]));
  return [...keys.map((key) => byKey.get(key)), all.find(({ target }) => target.kind === "mesh")].find(Boolean);
}

/** What hides a service from a workload; `namespace` is that of the Service or ServiceEntry. */
export function hiddenBy(
  all: readonly KnownHosts[],
  client: MeshWorkload,
  service: Pick<Workload, "namespace"> & { readonly host: string },
): KnownHosts | undefined {
  const known = knownHostsOf(all, client);
  return known && !isSelected(known.hosts, client.namespace, service) ? known : undefined;
}

/** @param from the namespace that `.` is */
export function isSelected(
  hosts: readonly string[],
  from: string,
  { namespace, host }: { readonly namespace: string; readonly host: string },
): boolean {
  return hosts.some((one) => {
    const [inNamespace = "", name = ""] = one.split("/");
    if (inNamespace !== "*" && inNamespace !== namespace && !(inNamespace === "." && namespace === from)) return false;
    return name === "*" || name === host || (name.startsWith("*.") && host.endsWith(name.slice(1)));
  });
}
