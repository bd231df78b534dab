import { addonPages } from "../../shared/addons";
import type { HelmValues } from "../../shared/helm-release";
import { addons } from "../../settings/versions";
import { type AddonValuesInput, containerSecurity, imageParts, named, repositoryAndTag, type Section } from "./input";

/** Traces that Jaeger holds in memory; the oldest goes first. About 100 kB each at worst. */
const tracesInMemory = 10_000;

const volumeName = "traces";
const volumeMount = "/traces";

/** Jaeger by jaegertracing/jaeger: one process that collects (OTLP), stores and shows. */
export function jaegerValues(tracing: Section<"tracing">, { image, pullSecrets }: AddonValuesInput): HelmValues {
  const { storage, resources } = tracing;
  return {
    jaeger: {
      image: { ...imageParts(image(addons.jaeger.images.server)), ...(pullSecrets.length > 0 && { pullSecrets }) },
      securityContext: containerSecurity,
      serviceAccount: { automountServiceAccountToken: false },
      ...(resources && { resources }),
      ...(storage && {
        extraVolumes: [{ name: volumeName, persistentVolumeClaim: { claimName: jaegerClaim } }],
        extraVolumeMounts: [{ name: volumeName, mountPath: volumeMount }],
      }),
    },
    userconfig: jaegerConfig(storage !== undefined),
    ...(storage && { extraObjects: [claim(storage)] }),
  };
}

const jaegerClaim = "jaeger-traces";

/** The chart makes no claim of its own. */
function claim(storage: NonNullable<Section<"tracing">["storage"]>): object {
  return {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: jaegerClaim },
    spec: {
      accessModes: ["ReadWriteOnce"],
      ...(storage.storageClass && { storageClassName: storage.storageClass }),
      resources: { requests: { storage: storage.size } },
    },
  };
}

/**
 * Jaeger's configuration, which is that of an OpenTelemetry collector.
 * Source: jaegertracing/jaeger, cmd/jaeger/config.yaml and config-badger.yaml.
 */
function jaegerConfig(stored: boolean): object {
  const store = "traces";
  const backend = stored
    ? {
        badger: {
          ephemeral: false,
          directories: { keys: `${volumeMount}/keys`, values: `${volumeMount}/values` },
          ttl: { spans: "72h" },
        },
      }
    : { memory: { max_traces: tracesInMemory } };
  return {
    service: {
      extensions: ["jaeger_storage", "jaeger_query", "healthcheckv2"],
      pipelines: { traces: { receivers: ["otlp"], processors: ["batch"], exporters: ["jaeger_storage_exporter"] } },
      telemetry: {
        resource: { "service.name": "jaeger" },
        metrics: {
          level: "detailed",
          readers: [{ pull: { exporter: { prometheus: { host: "0.0.0.0", port: 8888 } } } }],
        },
      },
    },
    extensions: {
      healthcheckv2: { use_v2: true, http: { endpoint: "0.0.0.0:13133" } },
      jaeger_query: {
        storage: { traces: store },
        http: { endpoint: `0.0.0.0:${addonPages.jaeger.port}` },
        grpc: { endpoint: "0.0.0.0:16685" },
      },
      jaeger_storage: { backends: { [store]: backend } },
    },
    receivers: {
      otlp: { protocols: { grpc: { endpoint: "0.0.0.0:4317" }, http: { endpoint: "0.0.0.0:4318" } } },
    },
    processors: { batch: {} },
    exporters: { jaeger_storage_exporter: { trace_storage: store } },
  };
}

/** Zipkin by openzipkin/zipkin; it keeps traces in its memory. */
export function zipkinValues(tracing: Section<"tracing">, { image, pullSecrets }: AddonValuesInput): HelmValues {
  return {
    image: repositoryAndTag(image(addons.zipkin.images.server)),
    ...(pullSecrets.length > 0 && { imagePullSecrets: named(pullSecrets) }),
    service: { port: addonPages.zipkin.port },
    securityContext: { ...containerSecurity, readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 1000 },
    ...(tracing.resources && { resources: tracing.resources }),
  };
}
