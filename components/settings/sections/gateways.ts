import { z } from "zod";
import {
  annotations,
  dnsLabel,
  dnsSubdomain,
  flag,
  ipAddress,
  ipBlock,
  labelKey,
  labels,
  nodePort,
  port,
  some,
} from "../fields";
import { count, duration, resources } from "../quantities";
import { tls } from "./gateway-tls";

/** `talos-mesh:gateways`: the proxies at the mesh's edge. */

export const defaultLoadBalancerTimeout = "5m";

const servicePort = z.strictObject({ port, nodePort: nodePort.optional() });

/** https://istio.io/latest/docs/ops/configuration/traffic-management/network-topologies/ */
const gatewayTopology = z
  .strictObject({
    numTrustedProxies: count(1, 100)
      .optional()
      .describe(
        "Proxies before the gateway that add to X-Forwarded-For; the client's address is the one before theirs.",
      ),
    proxyProtocol: z
      .strictObject({})
      .optional()
      .describe("Every connection begins with the PROXY protocol, which has the client's address."),
    forwardClientCertDetails: z
      .enum(["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"])
      .optional()
      .describe("The header x-forwarded-client-cert; default: SANITIZE_SET."),
  })
  .describe("What is between clients and the gateway.");

const gatewayDeployment = z.strictObject({
  kind: z
    .enum(["chart", "gateway-api", "existing"])
    .default("chart")
    .describe(
      "chart: Istio's chart and API; gateway-api: istiod, from a Gateway of the Gateway API; existing: deployed by others.",
    ),
  namespace: dnsLabel.optional().describe("Default: istio-<name>."),
  selector: labels
    .optional()
    .describe("Kind existing: the labels of its pods, for which this program creates a Gateway of Istio's API."),
  gateway: dnsLabel.optional().describe("Kind existing: its Gateway of Istio's API, if it has one to be used."),
  gatewayApi: dnsSubdomain.optional().describe("Kind existing: its Gateway of the Gateway API, in place of selector."),
  listeners: some(dnsSubdomain).describe("Of gatewayApi: those that routes attach to. Default: all."),
  serviceAccount: dnsSubdomain
    .optional()
    .describe("Kind existing: that of its pods, their identity in rules. Default with gatewayApi: <gatewayApi>-istio."),
  serviceType: z.enum(["NodePort", "LoadBalancer", "ClusterIP"]).default("NodePort"),
  ports: z
    .strictObject({ status: servicePort.optional(), http: servicePort.optional(), https: servicePort.optional() })
    .default({}),
  extraPorts: z
    .record(
      dnsLabel,
      z.strictObject({
        port,
        targetPort: port.optional(),
        nodePort: nodePort.optional(),
        protocol: z
          .enum(["HTTP", "HTTPS"], {
            error:
              "expected one of: HTTP, HTTPS; without protocol the port is for connections (TCP), so remove it for TCP",
          })
          .optional()
          .describe("Serve the hosts here as well, with or without TLS."),
      }),
    )
    .default({})
    .describe("More ports of the Service by name, such as tcp-mysql; without protocol for rules of connections."),
  externalTrafficPolicy: z
    .enum(["Cluster", "Local"])
    .optional()
    .describe("Local keeps the client's address; only nodes with a pod answer."),
  gatewayTopology: gatewayTopology.optional(),
  serviceAnnotations: annotations.optional().describe("Annotations of the Service, which load balancers read."),
  labels: labels.optional().describe("Of its pods and of what belongs to them."),
  annotations: annotations.optional().describe("Of its pods and of what belongs to them."),
  loadBalancerIP: ipAddress.optional().describe("The address that the load balancer is to have."),
  loadBalancerSourceRanges: some(ipBlock).describe("Clients that the load balancer admits."),
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
