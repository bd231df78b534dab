import { z } from "zod";
import { dnsLabel, imagePrefix, imageTag } from "../settings/fields";
import { count, resources } from "../settings/quantities";

/** Services with a Deployment for each version. What is to be deployed is in registry.ts. */
export interface Application {
  /** Its key in the stack file, `talos-mesh:<name>`, and the name of its resource. */
  readonly name: string;
  /** In messages, and the class in its resource's type: `talos-mesh:apps:<title>`. */
  readonly title: string;
  /** Tag of its images, unless the settings name another one. */
  readonly version: string;
  image(service: string, version: string): string;
  /** Service account of a service's pods. Each service has its own, so that rules can distinguish callers. */
  serviceAccount(service: string): string;
  /** Port of every service, which serves HTTP. */
  readonly port: number;
  readonly services: Readonly<Record<string, ApplicationService>>;
}

export interface ApplicationService {
  /** Values of the pods' `version` label, oldest first. */
  readonly versions: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly writableFolders?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function applicationSettings({ name, title }: Pick<Application, "name" | "title">) {
  return z.strictObject({
    namespace: dnsLabel.default(name),
    injection: z
      .enum(["namespace", "pod", "static", "none"])
      .default("namespace")
      .describe("How pods get their sidecar: by a label of the namespace, by a label of the pod, or written out."),
    image: z
      .strictObject({
        registry: imagePrefix.optional().describe("Default: the hub of talos-mesh:images."),
        tag: imageTag.optional().describe("Default: the tag this release is tested with."),
      })
      .default({}),
    replicas: count().default(1),
    resources: resources.optional().describe(`Of every container of ${title}. Default: none.`),
  });
}

export type ApplicationSettings = z.output<ReturnType<typeof applicationSettings>>;

export interface ConfiguredApplication {
  readonly application: Application;
  readonly settings: ApplicationSettings;
}

export function applicationImages(application: Application): string[] {
  return Object.entries(application.services).flatMap(([service, { versions }]) =>
    versions.map((version) => application.image(service, version)),
  );
}

export function fullImageName({ application, settings }: ConfiguredApplication, name: string, hub: string): string {
  const { registry = hub, tag = application.version } = settings.image;
  return `${registry}/${name}:${tag}`;
}
