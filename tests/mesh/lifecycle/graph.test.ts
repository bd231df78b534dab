import assert from "node:assert/strict";
import { isSecret, type Registration } from "../../../embedded/program/run-program";
import { runStack, type StackRun } from "../../support/program";

type Mesh = Readonly<Record<string, unknown>>;

/** `talos-mesh:mesh` in the steps of a canary upgrade; bookinfo's proxies belong to the tag `prod`. */
const steps = {
  before: { version: "1.30.2", revision: "1-30-2", tags: { prod: "1-30-2" } },
  canary: {
    version: "1.30.2",
    revision: "1-30-2",
    tags: { prod: "1-30-2" },
    canary: { version: "1.31.1", revision: "1-31-1" },
  },
  moved: {
    version: "1.30.2",
    revision: "1-30-2",
    tags: { prod: "1-31-1" },
    canary: { version: "1.31.1", revision: "1-31-1" },
  },
  promoted: { version: "1.31.1", revision: "1-31-1", tags: { prod: "1-31-1" } },
} satisfies Record<string, Mesh>;

/** With nodes that run pods, so that the webhooks and their default revision are part of the values. */
const cluster = { kind: "existing", name: "shared", kubeconfig: { file: "./kubeconfig", context: "admin" } };

const runs = new Map<string, Promise<StackRun>>();

/** Runs the program once for each environment, without observability, which has tests of its own. */
function run(mesh: Mesh, more: Readonly<Record<string, unknown>> = {}): Promise<StackRun> {
  const overrides = {
    "talos-mesh:cluster": { ...cluster, workers: null },
    "talos-mesh:charts": { source: "https://charts.example.com" },
    "talos-mesh:mesh": { namespaces: { bookinfo: { revision: "prod" } }, ...mesh },
    "talos-mesh:observability": null,
    ...more,
  };
  const key = JSON.stringify(overrides);
  const made = runs.get(key) ?? runStack({ overrides });
  runs.set(key, made);
  return made;
}

function inputs(run: StackRun): Map<string, string> {
  return new Map(
    run.registrations.filter(({ custom }) => custom).map((each) => [each.name, JSON.stringify(each.inputs)]),
  );
}

/** Resources by what a step does to them, without those life cycle steps that only read. */
async function change(from: Mesh, to: Mesh): Promise<{ created: string[]; changed: string[]; deleted: string[] }> {
  const [old, now] = [inputs(await run(from)), inputs(await run(to))];
  const reading = /-(upgrade-check|cni-gate|ready)$/;
  const names = (all: Iterable<string>) => [...all].filter((name) => !reading.test(name)).sort();
  return {
    created: names([...now.keys()].filter((name) => !old.has(name))),
    changed: names([...now.keys()].filter((name) => old.has(name) && old.get(name) !== now.get(name))),
    deleted: names([...old.keys()].filter((name) => !now.has(name))),
  };
}

const bookinfo = ["details-v1", "productpage-v1", "ratings-v1", "reviews-v1", "reviews-v2", "reviews-v3"].map(
  (name) => `bookinfo-${name}`,
);

function version({ inputs }: Registration): unknown {
  return inputs.version;
}

describe("the order of the mesh", () => {
  let up: StackRun;
  const release = (name: string) => up.one("Release", name);
  const step = (name: string) => up.one("Command", name);
  before(async () => {
    up = await run(steps.canary);
  });

  const before_ = (first: Registration, ...later: Registration[]) => {
    for (const each of later) {
      assert.ok(up.dependsOn(each, first), `${each.name} does not wait for ${first.name}`);
      assert.ok(!up.dependsOn(first, each), `${first.name} waits for ${each.name}`);
    }
  };

  it("checks the cluster before anything of Istio is changed", () => {
    before_(step("istio-upgrade-check"), ...up.byType("Release").filter(({ name }) => name.startsWith("istio-")));
  });

  it("installs control planes and istio-cni side by side, after the CRDs", () => {
    const cni = release("istio-cni");
    for (const istiod of [release("istio-istiod-1-30-2"), release("istio-istiod-1-31-1")]) {
      before_(release("istio-base"), istiod, cni);
      assert.ok(!up.dependsOn(cni, istiod) && !up.dependsOn(istiod, cni), "one waits for the other");
    }
  });

  it("holds istio-cni back by its gate, which knows every control plane", () => {
    before_(step("istio-cni-gate"), release("istio-cni"));
    const { MESH_STEP } = step("istio-cni-gate").inputs.environment as { MESH_STEP: string };
    assert.deepEqual(JSON.parse(MESH_STEP), {
      version: "1.30.2",
      controlPlanes: [
        { revision: "1-30-2", istiod: "istiod-1-30-2", version: "1.30.2" },
        { revision: "1-31-1", istiod: "istiod-1-31-1", version: "1.31.1" },
      ],
    });
  });

  it("creates gateways and applications once pods are injected, by revision and by tag", () => {
    const ready = step("istio-ready");
    before_(ready, release("istio-gateway-ingress"), ...up.byType("Deployment"));
    for (const part of ["istio-istiod-1-30-2", "istio-istiod-1-31-1", "istio-tag-prod", "istio-cni"]) {
      before_(release(part), ready);
    }
  });

  it("deletes a control plane after everything that has a proxy, and its leftovers after the CRDs' release", () => {
    const retirement = step("istio-istiod-1-30-2-retirement");
    before_(release("istio-istiod-1-30-2"), retirement);
    before_(retirement, release("istio-gateway-ingress"), ...up.byType("Deployment"));
    before_(step("istio-leftovers"), release("istio-base"));
    for (const namespace of up.byType("Namespace")) before_(namespace, step("istio-leftovers"));
  });

  it("gives shared parts the version that fits both: CRDs the newest, agents the oldest", () => {
    assert.deepEqual(
      ["istio-base", "istio-cni", "istio-gateway-ingress"].map((name) => version(release(name))),
      ["1.31.1", "1.30.2", "1.30.2"],
    );
  });

  it("keeps the kubeconfig of every step secret, and out of what is shown", () => {
    const steps = up.byType("Command").filter(({ inputs }) => JSON.stringify(inputs).includes("MESH_STEP"));
    assert.equal(steps.length, 6);
    for (const command of steps) {
      assert.ok(isSecret(command.inputs.stdin), command.name);
      assert.deepEqual(Object.keys(command.inputs.environment as object).sort(), ["MESH_KUBE_CONTEXT", "MESH_STEP"]);
    }
  });

  it("puts ztunnel after istio-cni, and takes it from the oldest control plane's version", async () => {
    const ambient = {
      profile: "ambient",
      dataPlane: "ambient",
      outboundTrafficPolicy: "ALLOW_ANY",
      waypoints: [{ namespace: "bookinfo", ingress: true }],
    };
    up = await run({ ...steps.canary, ...ambient, namespaces: null, tags: null });
    before_(release("istio-cni"), release("istio-ztunnel"));
    before_(step("istio-ready"), release("istio-ztunnel"));
    before_(release("istio-ztunnel"), up.one("Gateway", "istio-waypoint-bookinfo/waypoint"));
    assert.equal(version(release("istio-ztunnel")), "1.30.2");
  });
});

describe("an upgrade by canary", () => {
  it("begins with a second control plane and newer CRDs, and touches no workload", async () => {
    assert.deepEqual(await change(steps.before, steps.canary), {
      created: ["istio-istiod-1-31-1", "istio-istiod-1-31-1-retirement"],
      changed: ["istio-base"],
      deleted: [],
    });
  });

  it("moves a tag and restarts the workloads with it, and no gateway", async () => {
    assert.deepEqual(await change(steps.canary, steps.moved), {
      created: [],
      changed: [...bookinfo, "istio-tag-prod"],
      deleted: [],
    });
  });

  it("ends with the old one's removal: the canary's release and its workloads stay as they are", async () => {
    assert.deepEqual(await change(steps.moved, steps.promoted), {
      created: [],
      changed: ["istio-base", "istio-cni", "istio-gateway-ingress", "platform-gateway-api-crds"],
      deleted: ["istio-istiod-1-30-2", "istio-istiod-1-30-2-retirement"],
    });
  });

  it("can be undone: the tag is moved back and so are the workloads", async () => {
    assert.deepEqual((await change(steps.moved, steps.canary)).changed, [...bookinfo, "istio-tag-prod"]);
  });

  it("keeps the canary's own values when it is promoted with them", async () => {
    const values = { pilot: { replicaCount: 3 } };
    const canary = { ...steps.moved, canary: { ...steps.moved.canary, values } };
    const { changed } = await change(canary, { ...steps.promoted, values: { istiod: values } });
    assert.deepEqual(changed, ["istio-base", "istio-cni", "istio-gateway-ingress", "platform-gateway-api-crds"]);
  });

  it("labels the namespace by its tag and never by istio-injection", async () => {
    const namespace = (await run(steps.canary)).one("Namespace", "platform-bookinfo");
    const { labels } = namespace.inputs.metadata as { labels: Record<string, string> };
    assert.deepEqual([labels["istio.io/rev"], labels["istio-injection"]], ["prod", undefined]);
  });

  it("can begin with a control plane that has no revision", async () => {
    const main = { version: "1.30.2", namespaces: null };
    const { created, deleted } = await change(main, { ...main, canary: steps.canary.canary });
    assert.deepEqual([created, deleted], [["istio-istiod-1-31-1", "istio-istiod-1-31-1-retirement"], []]);
  });
});

describe("an upgrade in place", () => {
  it("changes every release and every workload, and makes or deletes nothing", async () => {
    const main = { version: "1.30.2", namespaces: null };
    assert.deepEqual(await change(main, { ...main, version: "1.31.1" }), {
      created: [],
      changed: [
        ...bookinfo,
        "istio-base",
        "istio-cni",
        "istio-gateway-ingress",
        "istio-istiod",
        "platform-gateway-api-crds",
      ].sort(),
      deleted: [],
    });
  });
});

describe("the ways of injection", () => {
  const mesh = { ...steps.before };
  const template = (run: StackRun) =>
    (
      run.one("Deployment", "bookinfo-reviews-v1").inputs.spec as {
        template: { metadata: { labels: Record<string, string> } };
      }
    ).template;
  const bookinfoLabels = (run: StackRun) =>
    (run.one("Namespace", "platform-bookinfo").inputs.metadata as { labels: Record<string, string> }).labels;

  it("by pod: labels on templates, none on the namespace", async () => {
    const up = await run(mesh, { bookinfo: { injection: "pod" } });
    const { labels } = template(up).metadata;
    assert.deepEqual([labels["sidecar.istio.io/inject"], labels["istio.io/rev"]], ["true", "prod"]);
    assert.equal(bookinfoLabels(up)["istio.io/rev"], undefined);
  });

  it("by pod, of a control plane without a revision", async () => {
    const up = await run({ namespaces: null }, { bookinfo: { injection: "pod" } });
    const { labels } = template(up).metadata;
    assert.deepEqual([labels["sidecar.istio.io/inject"], labels["istio.io/rev"]], ["true", undefined]);
  });

  it("written out: the injector is asked for each Deployment once it answers, and its answer is the template", async () => {
    const injected = { metadata: { labels: { app: "reviews" } }, spec: { containers: [{ name: "istio-proxy" }] } };
    const up = await runStack({
      overrides: {
        "talos-mesh:cluster": { ...cluster, workers: null },
        "talos-mesh:charts": { source: "https://charts.example.com" },
        "talos-mesh:observability": null,
        bookinfo: { injection: "static" },
      },
      outputsFor: ({ name }) => (name.endsWith("-injection") ? { stdout: JSON.stringify(injected) } : undefined),
    });
    assert.deepEqual(template(up), injected);
    const asking = up.byType("Command").filter(({ name }) => name.endsWith("-injection"));
    assert.equal(asking.length, bookinfo.length);
    for (const command of asking) assert.ok(up.dependsOn(command, up.one("Command", "istio-ready")), command.name);
    assert.equal(bookinfoLabels(up)["istio-injection"], undefined);
  });
});
