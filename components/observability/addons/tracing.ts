import { z } from "zod";
import { percentage, resources } from "../../settings/quantities";
import { rootNamespace } from "../../shared/istio";
import { unprivileged } from "../../shared/kubernetes/object";
import {
  type AddonContext,
  type Chart,
  defineAddon,
  exposure,
  imageParts,
  repositoryAndTag,
  storage,
  storageRefusal,
  url,
  valuesIn,
} from "./addon";

export const jaegerService = { name: "jaeger", port: 16686 } as const;
const zipkinService = { name: "zipkin", port: 9411 } as const;

const jaegerChart = {
  name: "jaeger",
  product: "Jaeger",
  version: "4.11.1",
  repository: "https://jaegertracing.github.io/helm-charts",
  images: { server: "docker.io/jaegertracing/jaeger:2.19.0" },
} as const satisfies Chart;

const zipkinChart = {
  name: "zipkin",
  product: "Zipkin",
  version: "0.4.0",
  repository: "https://zipkin.io/zipkin-helm",
  images: { server: "docker.io/openzipkin/zipkin-slim:3.5.1" },
} as const satisfies Chart;

const settings = z.strictObject({
  provider: z.enum(["jaeger", "zipkin"]).describe("Proxies send traces to one of the two."),
  sampling: percentage.default(1).describe("Share of requests traced, in percent."),
  url: url.optional().describe("Where people reach the page with the traces; Kiali then links to it."),
  storage: storage.optional().describe("Jaeger only; Zipkin keeps traces in its memory."),
  expose: exposure.optional(),
  resources: resources.optional(),
});

type Settings = z.output<typeof settings>;

export const tracing = defineAddon({
  name: "tracing",
  settings,
  expectedElsewhere: {
    jaeger: "write tracing: { provider: jaeger }, or zipkin: one of the two",
    zipkin: "write tracing: { provider: zipkin }, or jaeger: one of the two",
  },
  releases: [
    {
      name: jaegerService.name,
      page: { port: jaegerService.port, path: "/", example: "tracing: { provider: jaeger }" },
      chart: jaegerChart,
      installed: ({ provider }) => provider === "jaeger",
      values: jaegerValues,
    },
    {
      name: zipkinService.name,
      page: { port: zipkinService.port, path: "/", example: "tracing: { provider: zipkin }" },
      chart: zipkinChart,
      installed: ({ provider }) => provider === "zipkin",
      values: (settings, context) =>
        valuesIn("zipkin.yaml", settings, context, {
          image: repositoryAndTag(context.image(zipkinChart.images.server)),
          port: zipkinService.port,
          securityContext: { ...unprivileged, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 1000 },
        }),
    },
  ],
  checks: [
    ({ provider, storage }) =>
      provider === "zipkin" &&
      storage && { storage: "Zipkin keeps traces in its memory; remove it, or set provider to jaeger" },
    ({ storage }, stack) => storageRefusal(storage, stack),
  ],
  datasource: ({ provider }) =>
    provider === "jaeger"
      ? { title: "Jaeger", type: jaegerService.name, port: jaegerService.port }
      : { title: "Zipkin", type: zipkinService.name, port: zipkinService.port },
  extensionProvider: ({ provider }, namespace) => ({
    name: provider,
    service: `${provider}.${namespace}.svc.cluster.local`,
    ...collectors[provider],
  }),
  istioObject: ({ provider, sampling }) => ({
    apiVersion: "telemetry.istio.io/v1",
    kind: "Telemetry",
    metadata: { name: "mesh-tracing", namespace: rootNamespace },
    spec: { tracing: [{ providers: [{ name: provider }], randomSamplingPercentage: sampling }] },
  }),
});

/** Jaeger receives OTLP over gRPC, Zipkin its own protocol. */
const collectors = {
  jaeger: { protocol: "opentelemetry", port: 4317 },
  zipkin: { protocol: "zipkin", port: zipkinService.port },
} as const;

/** Jaeger deletes the oldest traces beyond this number. A trace takes 100 kB at most, approximately. */
const tracesInMemory = 10_000;

function jaegerValues(settings: Settings, context: AddonContext) {
  const { storage } = settings;
  const [name, mountPath, claimName] = ["traces", "/traces", "jaeger-traces"];
  const badger = {
    ephemeral: false,
    directories: { keys: `${mountPath}/keys`, values: `${mountPath}/values` },
    ttl: { spans: "72h" },
  };
  const claim = storage && {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: claimName },
    spec: {
      accessModes: ["ReadWriteOnce"],
      storageClassName: storage.storageClass,
      resources: { requests: { storage: storage.size } },
    },
  };
  return valuesIn("jaeger.yaml", settings, context, {
    ...imageParts(context.image(jaegerChart.images.server)),
    volumes: storage && [{ name, persistentVolumeClaim: { claimName } }],
    volumeMounts: storage && [{ name, mountPath }],
    pageEndpoint: `0.0.0.0:${jaegerService.port}`,
    storage: storage ? { badger } : { memory: { max_traces: tracesInMemory } },
    claims: claim && [claim],
  });
}
