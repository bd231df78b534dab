import * as kubernetes from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { lifecycleStep, type PodTemplate, type StepAccess } from "../mesh/lifecycle/steps";
import type { SidecarRequest } from "../mesh/values/istio-charts";
import { waypointLabels } from "../mesh/waypoints";
import { imageReference } from "../model/images";
import { versionName } from "../model/object-names";
import type { ImagesSettings } from "../settings/sections/images";
import type { MeshSettings } from "../settings/sections/mesh";
import { unprivileged } from "../shared/kubernetes/object";
import { Layer, type LayerOptions } from "../shared/layer";
import { type ApplicationService, type ConfiguredApplication, fullImageName } from "./application";

export interface DeployedApplicationArgs {
  readonly images: ImagesSettings;
  readonly sidecar: SidecarRequest;
  /** Where the injector runs, for sidecars that are written out. */
  readonly cluster: StepAccess;
  readonly waypoints: MeshSettings["waypoints"];
}

/**
 * An application's Services, service accounts and Deployments. Each version also has a Service of its own, which Gateway
 * API routes need in place of subsets.
 */
export class DeployedApplication extends Layer {
  private readonly name: string;
  private readonly namespace: string;

  constructor(
    private readonly configured: ConfiguredApplication,
    private readonly args: DeployedApplicationArgs,
    opts?: LayerOptions,
  ) {
    const { application, settings } = configured;
    super(`talos-mesh:apps:${application.title}`, application.name, opts);
    this.name = application.name;
    this.namespace = settings.namespace;
    for (const [service, description] of Object.entries(application.services)) {
      this.service(service, service, { app: service });
      const account = this.serviceAccount(service);
      for (const version of description.versions) {
        const labels = { app: service, version };
        const name = versionName(service, version);
        this.service(name, service, labels);
        new kubernetes.apps.v1.Deployment(
          `${this.name}-${name}`,
          {
            metadata: { name, namespace: this.namespace, labels },
            spec: {
              replicas: settings.replicas,
              selector: { matchLabels: labels },
              template: this.withSidecar(name, this.podTemplate(service, version, description), account),
            },
          },
          this.after(account),
        );
      }
    }
    this.registerOutputs();
  }

  private service(name: string, app: string, selector: Readonly<Record<string, string>>): void {
    const { namespace, configured } = this;
    const { port } = configured.application;
    new kubernetes.core.v1.Service(
      `${this.name}-${name}`,
      {
        metadata: { name, namespace, labels: { app, service: app, ...waypointLabels(this.args, namespace, app) } },
        // Istio takes the protocol from the name: routes by path and method need a port that is known to be HTTP.
        spec: { selector, ports: [{ name: "http", port, targetPort: port }] },
      },
      this.child,
    );
  }

  private serviceAccount(service: string): kubernetes.core.v1.ServiceAccount {
    const metadata = {
      name: this.configured.application.serviceAccount(service),
      namespace: this.namespace,
      labels: { account: service },
    };
    const imagePullSecrets = this.args.images.pullSecrets.map(({ name }) => ({ name }));
    const pull = imagePullSecrets.length > 0 && { imagePullSecrets };
    return new kubernetes.core.v1.ServiceAccount(`${this.name}-${service}`, { metadata, ...pull }, this.child);
  }

  private withSidecar(deployment: string, template: PodTemplate, account: pulumi.Resource): pulumi.Input<PodTemplate> {
    const { namespace, args } = this;
    const { labels } = args.sidecar;
    switch (this.configured.settings.injection) {
      case "namespace":
      case "none":
        return template;
      case "pod":
        return { ...template, metadata: { ...template.metadata, labels: { ...template.metadata.labels, ...labels } } };
      case "static": {
        const request = { namespace, deployment, labels, template };
        const step = `${this.name}-${deployment}-injection`;
        const injected = lifecycleStep(step, "inject", request, args.cluster, this.after(account));
        return injected.stdout.apply((text) => JSON.parse(text) as PodTemplate);
      }
    }
  }

  private podTemplate(
    service: string,
    version: string,
    { env = {}, writableFolders = {}, annotations }: ApplicationService,
  ): PodTemplate {
    const { application, settings } = this.configured;
    const { images, sidecar } = this.args;
    const image = fullImageName(this.configured, application.image(service, version), images.hub);
    const { port } = application;
    return {
      metadata: {
        labels: { app: service, version },
        annotations: { ...annotations, ...(settings.injection !== "none" && sidecar.annotations) },
      },
      spec: {
        serviceAccountName: application.serviceAccount(service),
        containers: [
          {
            name: service,
            image: imageReference(images, image),
            imagePullPolicy: images.pullPolicy ?? "IfNotPresent",
            ports: [{ containerPort: port }],
            env: Object.entries(env).map(([name, value]) => ({ name, value })),
            readinessProbe: { tcpSocket: { port } },
            resources: settings.resources,
            securityContext: unprivileged,
            volumeMounts: Object.entries(writableFolders).map(([name, mountPath]) => ({ name, mountPath })),
          },
        ],
        volumes: Object.keys(writableFolders).map((name) => ({ name, emptyDir: {} })),
      },
    };
  }
}
