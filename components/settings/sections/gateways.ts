import { z } from "zod";
import { annotations, dnsLabel, flag, labelKey, nodePort, off, port, secretRef } from "../fields";
import { count, duration, resources } from "../quantities";

/** `talos-mesh:gateways`: the proxies at the mesh's edge. */

export const defaultLoadBalancerTimeout = "5m";

const servicePort = z.strictObject({ port, nodePort: nodePort.optional() });

const tls = z
  .strictObject({
    certificate: secretRef.optional().describe("PEM: the gateway's certificate, then those between it and its root."),
    privateKey: secretRef.optional().describe("PEM, without a passphrase."),
    caCertificate: secretRef.optional().describe("Mode MUTUAL: the authority of the clients' certificates, PEM."),
    selfSigned: off("A certificate from this program, for dev; renewed every year."),
    mode: z
      .enum(["SIMPLE", "MUTUAL", "PASSTHROUGH"])
      .default("SIMPLE")
      .describe("MUTUAL: clients need a certificate. PASSTHROUGH: TLS ends at the workload."),
    httpsRedirect: off("Answer plain HTTP with a redirect to HTTPS."),
  })
  .describe("HTTPS for the hosts of exposed services.");

const gatewayDeployment = z.strictObject({
  kind: z
    .enum(["chart", "gateway-api"])
    .default("chart")
    .describe("chart: Istio's chart and API; gateway-api: istiod, from a Gateway of the Gateway API."),
  namespace: dnsLabel.optional().describe("Default: istio-<name>."),
  serviceType: z.enum(["NodePort", "LoadBalancer", "ClusterIP"]).default("NodePort"),
  ports: z
    .strictObject({ status: servicePort.optional(), http: servicePort.optional(), https: servicePort.optional() })
    .default({}),
  extraPorts: z
    .record(dnsLabel, z.strictObject({ port, targetPort: port.optional(), nodePort: nodePort.optional() }))
    .default({})
    .describe("More ports of the Service by name, such as tcp-mysql, for objects of kind Gateway."),
  externalTrafficPolicy: z
    .enum(["Cluster", "Local"])
    .optional()
    .describe("Local keeps the client's address; only nodes with a pod answer."),
  serviceAnnotations: annotations.optional().describe("Annotations of the Service, which load balancers read."),
  loadBalancerClass: labelKey.optional().describe("Default: the cluster's own."),
  loadBalancerTimeout: duration
    .optional()
    .describe(`How long to wait for the load balancer's address; default ${defaultLoadBalancerTimeout}.`),
  replicas: count(1).optional().describe("Default: 1. Not with autoscale."),
  autoscale: z
    .strictObject({ min: count(1), max: count(1), cpuUtilization: count(1, 100) })
    .optional()
    .describe("Needs metrics-server."),
  podDisruptionBudget: z.strictObject({ minAvailable: count() }).optional(),
  antiAffinity: flag("Prefer nodes, and zones, that have no pod of this gateway yet."),
  resources: resources.optional(),
  tls: tls.optional(),
});

/** What is made of it is named `istio-<name>` or `<name>-istio`, and Helm allows 53 characters. */
const gatewayName = dnsLabel.max(40);

export const gateways = z
  .record(gatewayName, gatewayDeployment)
  .describe(
    "Proxies at the mesh's edge by name, such as ingress and egress; each is deployed by itself, in namespace istio-<name>.",
  );

export type GatewaysSettings = z.output<typeof gateways>;
export type GatewayDeploymentSettings = z.output<typeof gatewayDeployment>;
export type GatewayTlsSettings = z.output<typeof tls>;
