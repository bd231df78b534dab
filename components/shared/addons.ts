/** Helm release, Service and port of an addon's page, by the name that commands and settings give it. */
export const addonPages = {
  prometheus: { service: "prometheus", port: 9090 },
  grafana: { service: "grafana", port: 3000 },
  kiali: { service: "kiali", port: 20001 },
  jaeger: { service: "jaeger", port: 16686 },
  zipkin: { service: "zipkin", port: 9411 },
  loki: { service: "loki", port: 3100 },
} as const satisfies Record<string, { readonly service: string; readonly port: number }>;

export type AddonName = keyof typeof addonPages;

/** The address of an addon inside the cluster, with another port than its page's where one is given. */
export function addonUrl(addon: AddonName, namespace: string, port: number = addonPages[addon].port): string {
  return `http://${addonPages[addon].service}.${namespace}.svc.cluster.local:${port}`;
}

/** What proxies have to know to send traces: an extension provider of Istio's mesh config. */
export interface TracingProvider {
  /** Its name in the mesh config, which the Telemetry resource refers to. */
  readonly name: string;
  readonly protocol: "opentelemetry" | "zipkin";
  /** Host name of the collector. A proxy's `Sidecar` has to let it through. */
  readonly service: string;
  readonly port: number;
}

/** Jaeger takes OpenTelemetry's protocol (OTLP over gRPC), Zipkin its own. */
const collectors = {
  jaeger: { protocol: "opentelemetry", port: 4317 },
  zipkin: { protocol: "zipkin", port: addonPages.zipkin.port },
} as const;

/** Where the mesh sends its traces; undefined where nothing collects them. */
export function tracingProvider(
  observability:
    { readonly namespace: string; readonly tracing?: { readonly provider: keyof typeof collectors } } | undefined,
): TracingProvider | undefined {
  if (!observability?.tracing) return undefined;
  const { provider } = observability.tracing;
  const service = `${addonPages[provider].service}.${observability.namespace}.svc.cluster.local`;
  return { name: provider, service, ...collectors[provider] };
}
