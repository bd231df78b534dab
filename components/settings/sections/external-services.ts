import { z } from "zod";
import { dnsLabel, externalHost, hostAddress, ipBlock, labels, port, some } from "../fields";
import { count, uint32 } from "../quantities";
import { httpRule } from "./http-rule";
import { externalTrafficPolicy } from "./traffic-policy";

/** `talos-mesh:traffic.externalServices`: services outside the mesh, in the words of Istio's ServiceEntry. */

const servicePort = z.strictObject({
  number: port,
  protocol: z.enum(["HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTPS", "TLS", "TCP", "MONGO", "MYSQL", "REDIS"]),
  name: dnsLabel.max(62).optional().describe("Default: <protocol>-<number>, such as tls-443."),
  targetPort: port.optional().describe("The port of the service itself. Default: number."),
});

const endpoint = z.strictObject({
  address: hostAddress.describe("An IP address, or with resolution DNS a DNS name."),
  ports: z.record(dnsLabel, port).optional().describe("Name of a port: its number at this endpoint."),
  labels: labels.optional(),
  network: z.string().min(1).optional(),
  locality: z
    .string()
    .regex(/^[^/]+(\/[^/]+(\/[^/]+)?)?$/, "expected region, region/zone or region/zone/subzone")
    .optional(),
  weight: count(1, uint32).optional(),
  serviceAccount: dnsLabel.optional(),
});

export const externalService = z.strictObject({
  name: dnsLabel.optional().describe("Of its ServiceEntry. Default: its first host."),
  namespace: dnsLabel
    .optional()
    .describe("Of its objects. Default: that of its egress gateway, else that of the first application."),
  hosts: z.array(externalHost).min(1).describe("DNS names, or *.domain; other settings name it by them."),
  addresses: some(ipBlock).describe("Virtual addresses that clients connect to, or blocks (10.0.0.0/8)."),
  ports: z.array(servicePort).min(1),
  location: z
    .enum(["MESH_EXTERNAL", "MESH_INTERNAL"])
    .default("MESH_EXTERNAL")
    .describe("MESH_INTERNAL: its endpoints are part of the mesh, with mTLS, such as virtual machines."),
  resolution: z
    .enum(["DNS", "DNS_ROUND_ROBIN", "STATIC", "NONE", "DYNAMIC_DNS"])
    .optional()
    .describe(
      "How proxies find it. Default: NONE for wildcards and blocks of addresses, STATIC for endpoints with IP addresses and for a workloadSelector, else DNS.",
    ),
  endpoints: some(endpoint),
  workloadSelector: z.strictObject({ labels }).optional().describe("Its endpoints are pods and WorkloadEntries."),
  subjectAltNames: some(z.string().min(1)).describe("Names of which its certificate must have one."),
  exportTo: some(z.union([dnsLabel, z.literal([".", "*"])], { error: "expected namespaces, '.' or '*'" })).describe(
    "Namespaces that know it; '.': its own. Default: all.",
  ),
  egressGateway: dnsLabel.optional().describe("A gateway that requests go through. Default: none."),
  trafficPolicy: externalTrafficPolicy.optional(),
  sourceWorkload: dnsLabel
    .optional()
    .describe(
      "A workload of its namespace, whose sidecar alone applies trafficPolicy, and so reads a Secret. Default: every client.",
    ),
  subsets: z
    .array(z.strictObject({ name: dnsLabel, labels, trafficPolicy: externalTrafficPolicy.optional() }))
    .default([])
    .describe("Groups of its endpoints, by their labels."),
  http: z.array(httpRule).default([]).describe("Rules in order; the first that matches decides."),
});

export type ExternalServiceSettings = z.output<typeof externalService>;
