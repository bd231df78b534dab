import * as kubernetes from "@pulumi/kubernetes";
import { getProject, getStack, type Resource } from "@pulumi/pulumi";
import type { Cluster } from "../cluster/cluster";
import { type ControlPlane, controlPlanes, sharedVersions } from "../model/control-planes";
import { hasAmbient } from "../model/data-planes";
import { tagRelease } from "../model/object-names";
import type { Settings } from "../settings/schema";
import { officialCharts } from "../settings/versions";
import { type ChartSource, chartSourceAt } from "../shared/chart-source";
import { digestOf } from "../shared/digest";
import { helmRelease, type HelmReleaseArgs, type HelmValues } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import { rootNamespace } from "../shared/istio";
import { own } from "../shared/own";
import { Gateways, type IstioArgs } from "./gateways";
import { IstioCsr } from "./istio-csr";
import { lifecycleStep, type MeshStepInput, type MeshStepName } from "./lifecycle/steps";
import { issuedAuthority } from "./values/istio-csr";
import { baseValues, cniValues, istiodValues, ztunnelValues } from "./values/istio-charts";
import { Waypoints } from "./waypoints";

/** The stand-in charts of this project; see embedded/charts/README.md. */
const standIns: ChartSource = { kind: "folder", path: "./embedded/charts", standIn: true };

const ownCharts: ChartSource = { kind: "folder", path: "./components/mesh/charts", standIn: false };

/** Where Istio's charts come from; a cluster of kind embedded decides what `auto` is. */
export function chartSource({ source }: Settings["charts"], { autoCharts }: Pick<Cluster, "autoCharts">): ChartSource {
  if (source !== "auto") return chartSourceAt(source);
  return autoCharts === "stand-ins" ? standIns : { kind: "repository", url: officialCharts };
}

/**
 * Istio from its own charts, in an order that is right for installation, upgrade and destroy:
 *
 * 1. base (the CRDs), after the check of the cluster's present state; and what signs, where that is not istiod;
 * 2. one control plane, or two during a canary upgrade. istio-cni is installed next to it; on an upgrade it waits for
 *    istiod, because istio-cni and ztunnel may be one minor version older than istiod and never newer;
 * 3. revision tags;
 * 4. once pods are really injected: gateways (`image: auto`), ztunnel, waypoints and the later layers.
 *
 * Resource names contain revisions, so that a canary that becomes the only control plane stays the same resource.
 */
export class Istio extends Layer {
  /** What a pod needs to be in the mesh, and a policy to be enforced. Neither needs the gateways. */
  readonly dataPlane: readonly Resource[];

  constructor(
    private readonly name: string,
    private readonly args: IstioArgs,
    opts?: LayerOptions,
  ) {
    super("talos-mesh:mesh:Istio", name, opts);
    const { mesh, cluster } = args;
    const planes = controlPlanes(mesh);
    const { newest, oldest } = sharedVersions(mesh);
    const agents = { ...args, mesh: { ...mesh, version: oldest } };
    const valuesOf = (plane: ControlPlane) => istiodValues({ ...args, mesh: plane.mesh });

    // Runs when it is deleted, which is after everything of Istio.
    const leftovers = this.step("leftovers", "leftovers", { keepCRDs: mesh.keepCRDs });
    const owner = `${getProject()}/${getStack()}`;
    const wanted = planes.map(({ revision, istiod, version }) => ({ revision, istiod, version }));
    const check = this.step("upgrade-check", "upgrade-check", { owner, controlPlanes: wanted });
    const baseChart = { chart: "base", release: "istio-base", version: newest, values: baseValues(args) };
    const base = this.release("base", baseChart, leftovers, check);
    const authority = this.authority(leftovers, check);
    const istiods = planes.map((plane) => {
      const { istiod: release, version } = plane;
      return this.release(release, { chart: "istiod", release, version, values: valuesOf(plane) }, base, ...authority);
    });
    const gate = this.step("cni-gate", "cni-gate", { version: oldest, controlPlanes: wanted }, base);
    const cniChart = { chart: "cni", release: "istio-cni", version: oldest, values: cniValues(agents) };
    const cni = this.release("cni", cniChart, gate);

    // Runs when it is deleted. Everything with a proxy depends on it and is deleted first; then it checks that the control
    // plane is unused.
    const retirements = planes.map((plane, index) =>
      this.step(`${plane.istiod}-retirement`, "retire", { revision: plane.revision }, istiods[index] ?? base),
    );
    // Names that namespaces use for a control plane, so that moving a tag upgrades all of them at once.
    const tags = Object.entries(mesh.tags).map(([tag, revision]) => {
      const values = { tag, revision, webhooks: !cluster.simulatedNodes };
      const chart = { chart: "revision-tag", release: tagRelease(tag), version: "1.0.0", source: ownCharts, values };
      return this.release(`tag-${tag}`, chart, ...istiods);
    });
    const valuesDigest = digestOf(planes.map(valuesOf));
    const { simulatedNodes } = cluster;
    const expected = { controlPlanes: wanted, tags: mesh.tags, simulatedNodes, values: valuesDigest };
    const ready = this.step("ready", "ready", expected, ...istiods, ...retirements, ...tags, cni);
    new Gateways(`${name}-gateway`, args, this.after(ready, ...args.loadBalancers));
    this.dataPlane = [ready, ...(hasAmbient(mesh) ? this.ambient(ztunnelValues(agents), oldest, cni, ready) : [])];

    this.registerOutputs();
  }

  /** What signs in place of a root of istiod's own: the Secret that it signs with, or istio-csr. */
  private authority(...before: readonly Resource[]): readonly Resource[] {
    const { mesh, secrets, issuers } = this.args;
    if (issuedAuthority(mesh)) return [new IstioCsr(`${this.name}-csr`, this.args, this.after(...before, ...issuers))];
    if (mesh.ca?.kind !== "plugged") return [];
    const { certificate, privateKey, rootCertificate, certificateChain = certificate } = mesh.ca;
    const text = ({ secret }: { readonly secret: string }) => own(secrets, secret) ?? "";
    const stringData = {
      "ca-cert.pem": text(certificate),
      "ca-key.pem": text(privateKey),
      "cert-chain.pem": text(certificateChain),
      "root-cert.pem": text(rootCertificate),
    };
    const metadata = { name: "cacerts", namespace: rootNamespace };
    const request = { certificate: text(certificateChain), roots: text(rootCertificate) };
    const allowed = this.step("authority-check", "authority-check", request, ...before);
    return [new kubernetes.core.v1.Secret(`${this.name}-cacerts`, { metadata, stringData }, this.after(allowed))];
  }

  private ambient(values: HelmValues, version: string, ...after: readonly Resource[]): readonly Resource[] {
    const ztunnel = this.release("ztunnel", { chart: "ztunnel", version, values }, ...after);
    return [ztunnel, new Waypoints(`${this.name}-waypoint`, this.args, this.after(ztunnel))];
  }

  private release(
    part: string,
    chart: Pick<HelmReleaseArgs, "chart" | "release" | "version" | "values"> & { readonly source?: ChartSource },
    ...after: readonly Resource[]
  ): kubernetes.helm.v3.Release {
    const args = { source: this.args.source, ...chart, namespace: rootNamespace };
    return helmRelease(`${this.name}-${part}`, args, this.after(...after));
  }

  private step<Name extends MeshStepName>(
    part: string,
    step: Name,
    request: MeshStepInput<Name>,
    ...after: Resource[]
  ) {
    return lifecycleStep(`${this.name}-${part}`, step, request, this.args.cluster, this.after(...after));
  }
}
