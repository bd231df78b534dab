import { z } from "zod";
import { dnsLabel, hostPattern, ipBlock, labels, port, some } from "../fields";
import { weighted, weights } from "./http-rule";

/** Rules for connections whose bytes Envoy does not read: TCP, and TLS by the name in its handshake. */

const matchConnection = {
  port: port.optional().describe("Of the Service, or of the gateway."),
  destinationSubnets: some(ipBlock).describe("Addresses to which the client connects."),
  sourceWorkload: dnsLabel.optional().describe("A workload of the service's namespace."),
  sourceLabels: labels.optional().describe("Labels of the client's pod."),
  sourceNamespace: dnsLabel.optional().describe("Namespace of the client."),
};

const route = z
  .union([z.array(z.strictObject(weighted)).min(1), weights], {
    error: "expected subset: weight, or a list of {host, subset, port, weight}",
  })
  .optional()
  .describe("subset: weight; or a list of {host, subset, port, weight}. Default: the service itself.");

export const tcpRule = z.strictObject({
  match: some(z.strictObject(matchConnection)).describe("Any of these; without it, every connection."),
  route,
});

export const tlsRule = z.strictObject({
  match: some(
    z.strictObject({
      sniHosts: some(hostPattern).describe("Names in the handshake. Default: those of the service, or of the entry."),
      ...matchConnection,
    }),
  ).describe("Any of these; without it, every connection to the names of the service, or of the entry."),
  route,
});

export type TcpRuleSettings = z.output<typeof tcpRule>;
export type TlsRuleSettings = z.output<typeof tlsRule>;
