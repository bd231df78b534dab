import semver from "semver";
import { defaultRevision } from "../shared/istio";
import { mergeValues } from "../shared/merge";
import type { MeshSettings } from "../settings/sections/mesh";
import { istioReleases, minorOf, versions } from "../settings/versions";
import { istiodName } from "./object-names";
import { own } from "../shared/own";

export interface ControlPlane {
  /** Its revision; `default` for the one that has none. */
  readonly revision: string;
  /** Name of its Deployment and of its Helm release. */
  readonly istiod: string;
  readonly version: string;
  readonly mesh: MeshSettings;
}

/** The control planes of a mesh: one, or during an upgrade the canary as well, second. */
export function controlPlanes({ canary, ...main }: MeshSettings): readonly [ControlPlane, ...ControlPlane[]] {
  if (!canary) return [controlPlane(main)];
  const { version, revision } = canary;
  const istiod = mergeValues(main.values.istiod ?? {}, canary.values) as MeshSettings["values"]["istiod"];
  // As the only control plane would have them, so that the last step of an upgrade does not change them.
  const values = Object.keys(istiod ?? {}).length > 0 ? { ...main.values, istiod } : main.values;
  return [controlPlane(main), controlPlane({ ...main, version, revision, values })];
}

function controlPlane(mesh: MeshSettings): ControlPlane {
  const { revision, version } = mesh;
  return {
    revision: revision ?? defaultRevision,
    istiod: istiodName(revision),
    version,
    mesh,
  };
}

/** What shared parts follow: the CRDs the newest control plane, agents on nodes the oldest, which they may not lead. */
export function sharedVersions(mesh: MeshSettings): { readonly newest: string; readonly oldest: string } {
  const [oldest = mesh.version, newest = oldest] = semver.sort(controlPlanes(mesh).map(({ version }) => version));
  return { newest, oldest };
}

/**
 * The Gateway API's version that the oldest control plane reads: one that is too new for it no longer serves versions of
 * kinds that it watches, and then it never becomes ready.
 */
export function gatewayApiVersion(mesh: MeshSettings): string {
  return istioReleases.get(minorOf(sharedVersions(mesh).oldest))?.gatewayApi ?? versions.gatewayApi;
}

export function controlPlaneNamed(mesh: MeshSettings, name: string): ControlPlane | undefined {
  const revision = own(mesh.tags, name) ?? name;
  return controlPlanes(mesh).find((each) => each.revision === revision);
}

export function controlPlaneOf(mesh: MeshSettings, namespace: string): ControlPlane {
  const [main] = controlPlanes(mesh);
  return controlPlaneNamed(mesh, revisionName(mesh, namespace)) ?? main;
}

/** The tag or revision under which a namespace, or a pod in it, asks for its proxies; see `injectionLabels`. */
export function revisionName(mesh: MeshSettings, namespace: string): string {
  return own(mesh.namespaces, namespace)?.revision ?? mesh.revision ?? defaultRevision;
}

/**
 * The labels by which an injector picks a namespace, or a pod of a namespace that is not labelled. A control plane with
 * a revision, or a tag, is selected by `istio.io/rev`, without `istio-injection`, which has precedence.
 * Source: istio/istio, manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml.
 */
export function injectionLabels(
  mesh: MeshSettings,
  namespace: string,
): { readonly namespace: Readonly<Record<string, string>>; readonly pod: Readonly<Record<string, string>> } {
  const name = revisionName(mesh, namespace);
  const byPod = { "sidecar.istio.io/inject": "true" };
  if (name === defaultRevision) return { namespace: { "istio-injection": "enabled" }, pod: byPod };
  return { namespace: { "istio.io/rev": name }, pod: { ...byPod, "istio.io/rev": name } };
}
