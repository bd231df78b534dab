import * as kubernetes from "@pulumi/kubernetes";
import { waypointLabels } from "../mesh/waypoints";
import type { BookinfoSettings } from "../settings/sections/apps";
import type { ImagesSettings } from "../settings/sections/images";
import type { MeshSettings } from "../settings/sections/mesh";
import { versions } from "../settings/versions";
import { Layer, type LayerOptions } from "../shared/layer";
import type { Workload } from "../shared/workload";

/** The port every service of Bookinfo listens on. */
const port = 9080;

interface Service {
  readonly name: string;
  readonly versions: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folders the application writes to. */
  readonly scratch?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Bookinfo as Istio publishes it. Source: istio/istio, samples/bookinfo/platform/kube. */
const services: readonly Service[] = [
  { name: "details", versions: ["v1"] },
  { name: "ratings", versions: ["v1"] },
  {
    name: "reviews",
    versions: ["v1", "v2", "v3"],
    env: { LOG_DIR: "/tmp/logs" },
    scratch: { tmp: "/tmp", "wlp-output": "/opt/ibm/wlp/output" },
  },
  {
    name: "productpage",
    versions: ["v1"],
    scratch: { tmp: "/tmp" },
    annotations: {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(port),
      "prometheus.io/path": "/metrics",
    },
  },
];

/** Bookinfo in the words of policies. */
export function bookinfoWorkloads(settings: Pick<BookinfoSettings, "namespace">): readonly Workload[] {
  return services.map(({ name, versions }) => ({
    name,
    namespace: settings.namespace,
    serviceAccount: serviceAccount(name),
    port,
    versions,
  }));
}

function serviceAccount(service: string): string {
  return `bookinfo-${service}`;
}

export interface BookinfoArgs {
  readonly settings: BookinfoSettings;
  readonly images: ImagesSettings;
  /** Annotations of pods that get a proxy. */
  readonly proxyAnnotations: Readonly<Record<string, string>>;
  /** Waypoints of the mesh, which are there already. */
  readonly waypoints: MeshSettings["waypoints"];
}

/**
 * Istio's sample application: productpage asks details and reviews, reviews v2 and v3 ask ratings. Each service has
 * an identity of its own, so that rules can tell who asks, and a Service for each version, which Gateway API routes
 * need in place of subsets.
 */
export class Bookinfo extends Layer {
  constructor(name: string, args: BookinfoArgs, opts?: LayerOptions) {
    super("talos-mesh:apps:Bookinfo", name, opts);
    for (const service of services) {
      this.serve(name, service.name, service.name, { app: service.name }, args);
      const account = new kubernetes.core.v1.ServiceAccount(
        `${name}-${service.name}`,
        {
          metadata: {
            name: serviceAccount(service.name),
            namespace: args.settings.namespace,
            labels: { account: service.name },
          },
        },
        this.child,
      );
      for (const version of service.versions) {
        const labels = { app: service.name, version };
        this.serve(name, `${service.name}-${version}`, service.name, labels, args);
        new kubernetes.apps.v1.Deployment(
          `${name}-${service.name}-${version}`,
          deployment(service, version, args),
          this.after(account),
        );
      }
    }
    this.registerOutputs();
  }

  private serve(
    name: string,
    service: string,
    label: string,
    selector: Readonly<Record<string, string>>,
    { settings: { namespace }, waypoints }: BookinfoArgs,
  ): void {
    const labels = { app: label, service: label, ...waypointLabels({ waypoints }, namespace, label) };
    new kubernetes.core.v1.Service(
      `${name}-${service}`,
      {
        metadata: { name: service, namespace, labels },
        // The name says the protocol: Istio routes by path and method only on ports it knows to be HTTP.
        spec: { selector, ports: [{ name: "http", port, targetPort: port }] },
      },
      this.child,
    );
  }
}

function deployment(service: Service, version: string, { settings, images, proxyAnnotations }: BookinfoArgs) {
  const injected = settings.injection === "none" ? {} : proxyAnnotations;
  const labels = { app: service.name, version };
  const image = `examples-bookinfo-${service.name}-${version}:${settings.image.tag ?? versions.bookinfo}`;
  const scratch = Object.entries(service.scratch ?? {});
  return {
    metadata: { name: `${service.name}-${version}`, namespace: settings.namespace, labels },
    spec: {
      replicas: settings.replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations: { ...service.annotations, ...injected } },
        spec: {
          serviceAccountName: serviceAccount(service.name),
          containers: [
            {
              name: service.name,
              image: `${settings.image.registry ?? images.hub}/${image}`,
              imagePullPolicy: images.pullPolicy ?? "IfNotPresent",
              ports: [{ containerPort: port }],
              env: Object.entries(service.env ?? {}).map(([name, value]) => ({ name, value })),
              readinessProbe: { tcpSocket: { port } },
              resources: settings.resources,
              securityContext: {
                allowPrivilegeEscalation: false,
                capabilities: { drop: ["ALL"] },
                seccompProfile: { type: "RuntimeDefault" },
              },
              volumeMounts: scratch.map(([name, mountPath]) => ({ name, mountPath })),
            },
          ],
          volumes: scratch.map(([name]) => ({ name, emptyDir: {} })),
        },
      },
    },
  };
}
