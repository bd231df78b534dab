import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { lifecycleStep, type PodTemplate, type StepAccess } from "../mesh/lifecycle/steps";
import type { SidecarRequest } from "../mesh/values/istio-charts";
import { waypointLabels } from "../mesh/waypoints";
import { bookinfoImage, imageReference } from "../model/images";
import type { BookinfoSettings } from "../settings/sections/apps";
import type { ImagesSettings } from "../settings/sections/images";
import type { MeshSettings } from "../settings/sections/mesh";
import { versions } from "../settings/versions";
import { bookinfoAccount as serviceAccount, bookinfoPort as port, bookinfoVersions } from "../model/workloads";
import { Layer, type LayerOptions } from "../shared/layer";

interface Service {
  readonly name: string;
  readonly versions: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folders the application writes to. */
  readonly scratch?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** What the pods of some services need. Source: istio/istio, samples/bookinfo/platform/kube. */
const needs: Readonly<Record<string, Omit<Service, "name" | "versions">>> = {
  reviews: {
    env: { LOG_DIR: "/tmp/logs" },
    scratch: { tmp: "/tmp", "wlp-output": "/opt/ibm/wlp/output" },
  },
  productpage: {
    scratch: { tmp: "/tmp" },
    annotations: {
      "prometheus.io/scrape": "true",
      "prometheus.io/port": String(port),
      "prometheus.io/path": "/metrics",
    },
  },
};

const services: readonly Service[] = Object.entries(bookinfoVersions).map(([name, versions]) => ({
  name,
  versions,
  ...needs[name],
}));

/** Every image that Bookinfo pulls, as its makers name it. */
export function bookinfoImages(settings: Pick<BookinfoSettings, "image">, images: ImagesSettings): readonly string[] {
  return services.flatMap(({ name, versions }) =>
    versions.map((version) => bookinfoImageOf(settings, images, name, version)),
  );
}

function bookinfoImageOf(
  { image }: Pick<BookinfoSettings, "image">,
  { hub }: Pick<ImagesSettings, "hub">,
  service: string,
  version: string,
): string {
  return `${image.registry ?? hub}/${bookinfoImage(service, version)}:${image.tag ?? versions.bookinfo}`;
}

export interface BookinfoArgs {
  readonly settings: BookinfoSettings;
  readonly images: ImagesSettings;
  readonly sidecar: SidecarRequest;
  /** Where the injector is asked, for sidecars that are written out. */
  readonly cluster: StepAccess;
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
    const { pullSecrets } = args.images;
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
          ...(pullSecrets.length > 0 && { imagePullSecrets: pullSecrets.map((secret) => ({ name: secret.name })) }),
        },
        this.child,
      );
      for (const version of service.versions) {
        const labels = { app: service.name, version };
        this.serve(name, `${service.name}-${version}`, service.name, labels, args);
        const template = podTemplate(service, version, args);
        new kubernetes.apps.v1.Deployment(
          `${name}-${service.name}-${version}`,
          deployment(
            service,
            version,
            args,
            this.withProxy(name, `${service.name}-${version}`, template, args, account),
          ),
          this.after(account),
        );
      }
    }
    this.registerOutputs();
  }

  /** The template of a Deployment's pods, with whatever of their proxy has to stand in it. */
  private withProxy(
    name: string,
    deployment: string,
    template: PodTemplate,
    { settings: { namespace, injection }, sidecar, cluster }: BookinfoArgs,
    account: pulumi.Resource,
  ): pulumi.Input<PodTemplate> {
    switch (injection) {
      case "namespace":
      case "none":
        return template;
      case "pod": {
        const { metadata, spec } = template;
        return { metadata: { ...metadata, labels: { ...metadata.labels, ...sidecar.labels } }, spec };
      }
      case "static": {
        const request = { namespace, deployment, labels: sidecar.labels, template };
        const injected = lifecycleStep(
          `${name}-${deployment}-injection`,
          { step: "inject", when: "applied", access: cluster, request },
          this.after(account),
        );
        return injected.stdout.apply((text) => JSON.parse(text) as PodTemplate);
      }
    }
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

function deployment(
  service: Service,
  version: string,
  { settings }: BookinfoArgs,
  template: pulumi.Input<PodTemplate>,
): kubernetes.apps.v1.DeploymentArgs {
  const labels = { app: service.name, version };
  return {
    metadata: { name: `${service.name}-${version}`, namespace: settings.namespace, labels },
    spec: {
      replicas: settings.replicas,
      selector: { matchLabels: labels },
      template,
    },
  };
}

function podTemplate(service: Service, version: string, { settings, images, sidecar }: BookinfoArgs): PodTemplate {
  const image = bookinfoImageOf(settings, images, service.name, version);
  const scratch = Object.entries(service.scratch ?? {});
  return {
    metadata: {
      labels: { app: service.name, version },
      annotations: { ...service.annotations, ...(settings.injection !== "none" && sidecar.annotations) },
    },
    spec: {
      serviceAccountName: serviceAccount(service.name),
      containers: [
        {
          name: service.name,
          image: imageReference(images, image),
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
  };
}
