import { z } from "zod";
import { dnsLabel, duration, labels, nodePort, percentage, port, resources, secretRef } from "../fields";

/** `talos-mesh:gateways`: the proxies at the mesh's edge. */

const servicePort = z.strictObject({ port, nodePort: nodePort.optional() });

const tls = z
  .strictObject({
    certificate: secretRef.optional().describe("PEM: the gateway's certificate, then those between it and its root."),
    privateKey: secretRef.optional().describe("PEM, without a passphrase."),
    caCertificate: secretRef.optional().describe("Mode MUTUAL: who signs the clients' certificates, PEM."),
    selfSigned: z.boolean().default(false).describe("A certificate made here, for dev; renewed every year."),
    mode: z
      .enum(["SIMPLE", "MUTUAL", "PASSTHROUGH"])
      .default("SIMPLE")
      .describe("MUTUAL: clients show a certificate too. PASSTHROUGH: the workload ends TLS, not the gateway."),
    httpsRedirect: z.boolean().default(false).describe("Answer plain HTTP with a redirect to HTTPS."),
  })
  .describe("HTTPS for the hosts that services are offered under.");

const gatewayDeployment = z.strictObject({
  kind: z
    .enum(["chart", "gateway-api"])
    .default("chart")
    .describe("Made by Istio's chart and set by Istio's API, or by istiod from a Gateway of the Gateway API."),
  namespace: dnsLabel.optional().describe("Default: istio-<name>."),
  serviceType: z.enum(["NodePort", "LoadBalancer", "ClusterIP"]).default("NodePort"),
  ports: z
    .strictObject({ status: servicePort.optional(), http: servicePort.optional(), https: servicePort.optional() })
    .default({}),
  extraPorts: z
    .record(dnsLabel, z.strictObject({ port, targetPort: port.optional(), nodePort: nodePort.optional() }))
    .default({})
    .describe("Further ports of the Service by name, such as tcp-mysql; an object of kind Gateway says what answers."),
  externalTrafficPolicy: z
    .enum(["Cluster", "Local"])
    .optional()
    .describe("Local keeps the client's address, and only nodes with a pod of the gateway answer."),
  serviceAnnotations: labels.optional().describe("Annotations of the Service: what load balancers read."),
  loadBalancerClass: z.string().min(1).optional().describe("Which of a cluster's load balancers; default: its own."),
  loadBalancerTimeout: duration.optional().describe("How long to wait for the load balancer's address; default 5m."),
  replicas: z.int().min(1).optional(),
  autoscale: z
    .strictObject({ min: z.int().min(1), max: z.int().min(1), cpuUtilization: percentage })
    .optional()
    .describe("Needs metrics-server."),
  podDisruptionBudget: z.strictObject({ minAvailable: z.int().min(0) }).optional(),
  antiAffinity: z.boolean().optional().describe("Prefer nodes, and zones, that have no pod of this gateway yet."),
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
