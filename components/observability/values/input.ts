import type { ObservabilitySettings } from "../../settings/sections/observability";

/** What the values of the addons' charts are made from. */
export interface AddonValuesInput {
  readonly observability: ObservabilitySettings;
  /** Istio's version: Kiali and the dashboards have to go with it. */
  readonly meshVersion: string;
  /** The image to pull instead of one, where images come from a mirror. */
  readonly image: (official: string) => string;
  /** Names of the pull secrets in the addons' namespace. */
  readonly pullSecrets: readonly string[];
}

/** One section of the settings, which is there whenever its chart is installed. */
export type Section<Name extends keyof ObservabilitySettings> = NonNullable<ObservabilitySettings[Name]>;

/** An image in the parts that charts take: `docker.io`, `grafana/grafana`, `13.2.0`. */
export interface ImageParts {
  readonly registry: string;
  readonly repository: string;
  /** With the digest, where there is one: `13.2.0@sha256:...`. */
  readonly tag: string;
}

/** @param image with registry and tag: `docker.io/grafana/grafana:13.2.0` */
export function imageParts(image: string): ImageParts {
  const [, registry = "", repository = "", tag = ""] = /^([^/]+)\/([^:@]+):(.+)$/.exec(image) ?? [];
  return { registry, repository, tag };
}

/** Registry and repository in one, for charts that take them so. */
export function repositoryAndTag(image: string): { readonly repository: string; readonly tag: string } {
  const { registry, repository, tag } = imageParts(image);
  return { repository: `${registry}/${repository}`, tag };
}

/** A volume's size and class in the words of a chart, or what the chart calls none. */
export function volume(
  storage: { readonly size: string; readonly storageClass?: string } | undefined,
  className: string,
) {
  if (!storage) return { enabled: false };
  return { enabled: true, size: storage.size, ...(storage.storageClass && { [className]: storage.storageClass }) };
}

/** What every container of an addon does without. */
export const containerSecurity = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  seccompProfile: { type: "RuntimeDefault" },
} as const;

/** Pull secrets as a pod lists them. */
export function named(secrets: readonly string[]): readonly { readonly name: string }[] {
  return secrets.map((name) => ({ name }));
}
