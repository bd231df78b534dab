import { ambientRefusal } from "../../../policies/capabilities";
import { type ExternalService, isExportedTo } from "../../model/policies/external-services";
import type { PolicyModel } from "../../model/policies/policy-model";
import {
  type ClientTlsSettings,
  isFromSecret,
  type TrafficPolicySettings,
} from "../../settings/sections/traffic-policy";
import { type Refusal, refusalOfEach } from "../../shared/problem";
import { isEncrypted } from "../../shared/workload";
import { unknownClient } from "../check";
import { tlsDetails } from "./client-tls";

/** Settings of services outside the mesh that the proxies in front of their clients would not apply. */

/** A DestinationRule selects pods of its own namespace, and sidecars alone among those. */
export function onlyClient({ namespace, settings }: ExternalService, { names }: PolicyModel): Refusal {
  const { sourceWorkload: found, trafficPolicy, subsets, egressGateway } = settings;
  if (found === undefined) return undefined;
  const unknown = unknownClient(names, namespace, found);
  return {
    sourceWorkload: [
      unknown,
      !unknown &&
        names.workload(found, namespace).dataPlane === "ambient" &&
        `found ${found}; ${ambientRefusal("externalClient")}`,
      !trafficPolicy && "found without trafficPolicy, which it is about; add one, or remove it",
      egressGateway !== undefined &&
        "found with egressGateway, whose proxy applies trafficPolicy; remove one of the two",
      subsets.length > 0 && `found with subsets, which proxies of other clients would not know; remove one of the two`,
    ],
  };
}

/** TLS that Istio refuses, or that a proxy would leave out. */
export function clientTls(service: ExternalService, { names }: PolicyModel): Refusal {
  const known = names.workloadNamespaces().filter((client) => isExportedTo(service, client));
  const sidecars = known.filter((client) => names.dataPlane(client) === "sidecar");
  const policyOf = (policy: TrafficPolicySettings | undefined): Refusal => {
    const levels = policy?.portLevelSettings ?? [];
    const ownPorts = service.ports.filter(({ number }) => !levels.some(({ port }) => port.number === number));
    return {
      tls: policy?.tls && tlsRefusal(policy.tls, service, ownPorts, sidecars),
      portLevelSettings: refusalOfEach(levels, ({ port: { number }, tls }) => {
        const port = service.ports.find((one) => one.number === number);
        if (port) return { tls: tls && tlsRefusal(tls, service, [port], sidecars) };
        return {
          port: { number: `found ${number}; its ports are ${service.ports.map((one) => one.number).join(", ")}` },
        };
      }),
    };
  };
  const { trafficPolicy, subsets } = service.settings;
  return {
    trafficPolicy: policyOf(trafficPolicy),
    subsets: refusalOfEach(subsets, (subset) => ({ trafficPolicy: policyOf(subset.trafficPolicy) })),
  };
}

function tlsRefusal(
  tls: ClientTlsSettings,
  service: ExternalService,
  ports: ExternalService["ports"],
  sidecars: readonly string[],
): Refusal {
  return [tlsDetails(tls, ports.find(isEncrypted)), withoutSecret(tls.credentialName, service, sidecars)];
}

/** Sidecars leave the TLS out and send plain text. Source: pilot/pkg/networking/core/cluster_tls.go. */
function withoutSecret(
  credentialName: string | undefined,
  { gateway, waypoint, settings: { sourceWorkload } }: ExternalService,
  [client]: readonly string[],
): Refusal {
  if (!isFromSecret(credentialName) || gateway || sourceWorkload !== undefined) return undefined;
  if (!waypoint) {
    return (
      `found credentialName ${credentialName}, which sidecars do not read; set egressGateway, whose namespace has the Secret, sourceWorkload, whose sidecar alone reads one of its own namespace, ` +
      "or mount the files into the sidecars and name them: clientCertificate, privateKey, caCertificates"
    );
  }
  return (
    client !== undefined &&
    `found credentialName ${credentialName}, which waypoint ${waypoint.name} reads, and the sidecars of namespace ${client} do not: they would send plain text; ` +
      `set exportTo to the ambient namespaces, or set the dataPlane of ${client} to ambient`
  );
}

/** What needs a proxy that reads requests, for clients in ambient namespaces. */
export function ambientExternalService(service: ExternalService, { names }: PolicyModel): Refusal {
  const { namespace, waypoint, settings, resolution, hosts, ports } = service;
  const clients = names
    .workloadNamespaces()
    .filter((client) => names.dataPlane(client) === "ambient" && isExportedTo(service, client));
  const [client] = clients;
  if (client === undefined) return undefined;
  const parts = [
    settings.http.length > 0 && "http",
    settings.trafficPolicy && "trafficPolicy",
    settings.subsets.length > 0 && "subsets",
    resolution === "DYNAMIC_DNS" && "resolution DYNAMIC_DNS",
  ].filter(Boolean);
  const wildcard = hosts.find((host) => host.startsWith("*"));
  const unnamed = ports.find(({ protocol, number }) => protocol !== "HTTP" || number !== 80);
  return [
    resolution === "DYNAMIC_DNS" &&
      unnamed !== undefined && {
        ports:
          `found ${unnamed.protocol} on port ${unnamed.number}, for clients in the ambient namespace ${client}: a waypoint resolves the names of ` +
          "HTTP requests to port 80 only (the header Host has no port there); name each host in an entry of its own",
      },
    wildcard !== undefined &&
      resolution !== "DYNAMIC_DNS" && {
        hosts: `found ${wildcard}, for clients in the ambient namespace ${client}: ${ambientRefusal("egressWildcard")}`,
      },
    settings.egressGateway !== undefined && { egressGateway: ambientRefusal("externalGateway") },
    parts.length > 0 &&
      !waypoint &&
      `${parts.join(", ")} needs a waypoint for clients in the ambient namespace ${client}, where ztunnel does not read HTTP: ` +
        `set namespace: ${client} and add { namespace: ${client} } to talos-mesh:mesh.waypoints; ` +
        `it is in namespace ${namespace}, which has no waypoint`,
    waypoint && {
      http: refusalOfEach(settings.http, ({ match }) => ({
        match: refusalOfEach(match, ({ sourceWorkload }) => ({
          sourceWorkload: sourceWorkload !== undefined && ambientRefusal("sourceWorkload"),
        })),
      })),
    },
  ];
}
