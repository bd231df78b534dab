import assert from "node:assert/strict";
import { controlPlaneNamed, controlPlaneOf } from "../../components/model/control-planes";
import { dataPlaneOf } from "../../components/model/data-planes";
import { namedObjects, Names } from "../../components/model/names";
import { settingsSchema, type Settings } from "../../components/settings/schema";
import { setIncomplete, setUnknown } from "../../components/shared/unknown";

function settings(): Settings {
  const workload = { name: "till", serviceAccount: "till", port: 80 };
  return settingsSchema.parse({
    environment: "dev",
    cluster: { kind: "embedded", name: "dev" },
    mesh: {
      version: "1.31.1",
      dataPlane: "ambient",
      namespaces: { cellar: { dataPlane: "none" } },
      waypoints: [{ namespace: "shop" }, { namespace: "shop", service: "till" }],
    },
    gateways: { ingress: {} },
    bookinfo: {},
    applications: [
      { namespace: "shop", workloads: [workload, { ...workload, name: "desk" }] },
      { namespace: "cellar", workloads: [workload] },
    ],
  });
}

const unknown = { name: "UnknownValue" };

describe("names", () => {
  it("finds workloads in their namespace, gateways and waypoints", () => {
    const names = new Names(namedObjects(settings()));
    assert.equal(names.findWorkload("bookinfo", "reviews")?.serviceAccount, "bookinfo-reviews");
    assert.equal(names.findWorkload("shop", "reviews"), undefined);
    assert.deepEqual(names.workloadNames("shop"), ["till", "desk"]);
    assert.deepEqual(names.workloadNamespaces(), ["bookinfo", "shop", "cellar"]);
    assert.deepEqual(
      names.sameIdentity(names.workload("till", "shop")).map(({ name }) => name),
      ["desk"],
    );
    assert.equal(names.findGateway("ingress")?.namespace, "istio-ingress");
    assert.equal(names.findGateway("constructor"), undefined);
    assert.equal(names.waypoint({ namespace: "shop", name: "till" })?.name, "till-waypoint");
    assert.equal(names.waypoint({ namespace: "shop", name: "desk" })?.name, "waypoint");
    assert.equal(names.waypoint({ namespace: "bookinfo", name: "reviews" }), undefined);
    assert.equal(names.dataPlane("cellar"), "none");
  });

  it("takes a key that every object inherits as a name like another", () => {
    const inherited = ["constructor", "valueOf", "__proto__"];
    for (const name of inherited) {
      const { mesh } = settings();
      const canary = { version: "1.31.1", revision: name, values: {} };
      const upgraded = { ...mesh, canary, namespaces: Object.fromEntries([["shop", { revision: name }]]) };
      assert.equal(controlPlaneOf(upgraded, "shop").revision, name);
      assert.equal(dataPlaneOf(mesh, name), "ambient");
      const tagged = { ...mesh, tags: Object.fromEntries([[name, "default"]]), namespaces: upgraded.namespaces };
      assert.equal(controlPlaneNamed(tagged, name)?.revision, "default");
    }
    const given = settings();
    const workloads = inherited.map((name) => ({
      name,
      serviceAccount: name,
      port: 80,
      versions: [],
      versionServices: false,
    }));
    const names = new Names(
      namedObjects({
        ...given,
        mesh: {
          ...given.mesh,
          dataPlane: "sidecar",
          namespaces: Object.fromEntries([["__proto__", { dataPlane: "ambient" }]]),
        },
        applications: inherited.map((namespace) => ({ namespace, workloads })),
      }),
    );
    assert.deepEqual(
      inherited.map((namespace) => names.dataPlane(namespace)),
      ["sidecar", "sidecar", "ambient"],
    );
    assert.equal(names.findWorkload("__proto__", "constructor")?.dataPlane, "ambient");
  });

  it("answers nothing about a name that may be the one that could not be read", () => {
    const given = settings();
    setUnknown(given.applications?.[0]?.workloads[1] ?? {}, "name");
    const names = new Names(namedObjects(given));
    assert.equal(names.findWorkload("shop", "till")?.ports[0]?.port, 80);
    assert.throws(() => names.findWorkload("shop", "desk"), unknown);
    assert.equal(names.findWorkload("cellar", "desk"), undefined);
    assert.throws(() => names.sameIdentity(names.workload("till", "shop")), unknown);
  });

  it("answers nothing about other namespaces where a namespace could not be read", () => {
    const given = settings();
    setUnknown(given.applications?.[1] ?? {}, "namespace");
    const names = new Names(namedObjects(given));
    assert.throws(() => names.findWorkload("vault", "till"), unknown);
    assert.equal(names.findWorkload("shop", "till")?.ports[0]?.port, 80);
    setUnknown(given, "bookinfo");
    const others = new Names(namedObjects(given));
    assert.throws(() => others.defaultNamespace, unknown);
    assert.equal(others.findWorkload("shop", "till")?.ports[0]?.port, 80);
  });

  it("knows a gateway or workload by its name where another field could not be read", () => {
    const given = settings();
    setUnknown(given.gateways, "ingress");
    setUnknown(given.applications?.[0]?.workloads[0] ?? {}, "port");
    const names = new Names(namedObjects(given));
    assert.equal(names.findGateway("ingress")?.name, "ingress");
    assert.throws(() => names.findGateway("ingress")?.namespace, unknown);
    assert.equal(names.findWorkload("shop", "till")?.serviceAccount, "till");
    assert.throws(() => names.findWorkload("shop", "till")?.ports[0]?.port, unknown);
    assert.equal(names.findGateway("egress"), undefined);
    setIncomplete(given.gateways);
    assert.throws(() => new Names(namedObjects(given)).findGateway("egress"), unknown);
  });

  it("answers nothing about waypoints and data planes of a mesh that could not be read", () => {
    const given = settings();
    setUnknown(given.mesh.waypoints[1] ?? {}, "service");
    setUnknown(given.mesh.namespaces, "cellar");
    const names = new Names(namedObjects(given));
    assert.throws(() => names.waypoint({ namespace: "shop", name: "desk" }), unknown);
    assert.throws(() => names.dataPlane("cellar"), unknown);
    assert.equal(names.dataPlane("shop"), "ambient");
    setUnknown(given, "mesh");
    assert.throws(() => new Names(namedObjects(given)).dataPlane("shop"), unknown);
  });
});
