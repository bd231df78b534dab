import type { Resource } from "@pulumi/pulumi";
import { type ControlPlane, controlPlanes, sharedVersions } from "../model/control-planes";
import { hasAmbient } from "../model/data-planes";
import type { Settings } from "../settings/schema";
import type { GatewaysSettings } from "../settings/sections/gateways";
import { type ChartSource, helmRelease, type HelmReleaseArgs, type HelmValues } from "../shared/helm-release";
import { Layer, type LayerOptions } from "../shared/layer";
import { rootNamespace } from "../shared/istio";
import { Gateways } from "./gateways";
import { LifecycleSteps } from "./lifecycle/lifecycle-steps";
import type { StepAccess } from "./lifecycle/step";
import { revisionTag } from "./revision-tags";
import { baseValues } from "./values/base";
import { cniValues } from "./values/cni";
import type { ClusterFacts, MeshValuesInput } from "./values/input";
import { istiodValues } from "./values/istiod";
import { ztunnelValues } from "./values/ztunnel";
import { Waypoints } from "./waypoints";

/** `traffic` says under which hosts gateways answer, `bookinfo` whose they are where it does not say. */
export interface IstioArgs extends MeshValuesInput, Pick<Settings, "traffic" | "bookinfo"> {
  readonly cluster: ClusterFacts & StepAccess;
  readonly gateways: GatewaysSettings;
  /** Where the charts come from. */
  readonly source: ChartSource;
}

/**
 * Istio by its own charts, in an order that serves an installation, an upgrade and the way back:
 *
 * - base (the CRDs), once it is sure that the cluster allows what is to come;
 * - a control plane, or during an upgrade by revision two; beside them istio-cni, which an upgrade holds back until they
 *   run, because it may be one minor version behind istiod and never ahead, and so may ztunnel;
 * - revision tags;
 * - and once pods are really injected, whatever needs that: gateways (`image: auto`), ztunnel's waypoints, later layers.
 *
 * Names follow revisions, so that a canary that becomes the only control plane stays the resource it is.
 */
export class Istio extends Layer {
  constructor(name: string, args: IstioArgs, opts?: LayerOptions) {
    super("talos-mesh:mesh:Istio", name, opts);
    const { mesh, cluster, source } = args;
    const planes = controlPlanes(mesh);
    const { newest, oldest } = sharedVersions(mesh);
    const agents = { ...args, mesh: { ...mesh, version: oldest } };
    const release = (
      part: string,
      chart: Pick<HelmReleaseArgs, "chart" | "version" | "release">,
      values: HelmValues,
      after: readonly Resource[],
    ) => helmRelease(`${name}-${part}`, { ...chart, values, namespace: rootNamespace, source }, this.after(...after));
    const istiod = (plane: ControlPlane) => istiodValues({ ...args, mesh: plane.mesh });

    const steps = new LifecycleSteps(name, { planes, mesh, cluster, istiod }, this.child);
    const leftovers = steps.leftovers();
    const check = steps.upgradeCheck();
    const base = release("base", { chart: "base", release: "istio-base", version: newest }, baseValues(args), [
      leftovers,
      check,
    ]);
    const istiods = planes.map((plane) =>
      release(plane.istiod, { chart: "istiod", release: plane.istiod, version: plane.version }, istiod(plane), [base]),
    );
    const gate = steps.cniGate(oldest, base);
    const cni = release("cni", { chart: "cni", release: "istio-cni", version: oldest }, cniValues(agents), [gate]);

    const retirements = planes.map((plane, index) => steps.retirement(plane, istiods[index] ?? base));
    const tags = Object.entries(mesh.tags).map(([tag, revision]) =>
      revisionTag(`${name}-tag-${tag}`, { tag, revision, cluster }, this.after(...istiods)),
    );
    const ready = steps.ready([...istiods, ...retirements, ...tags, cni]);
    new Gateways(`${name}-gateway`, args, this.after(ready));
    if (hasAmbient(mesh)) {
      const ztunnel = release("ztunnel", { chart: "ztunnel", version: oldest }, ztunnelValues(agents), [cni, ready]);
      new Waypoints(`${name}-waypoint`, args, this.after(ztunnel));
    }

    this.registerOutputs();
  }
}
