import assert from "node:assert/strict";
import { meshNotes } from "../../components/mesh/notes";
import { settingsSchema, type SettingsInput } from "../../components/settings/schema";
import { projectRoot } from "../support/program";
import { meshInput } from "./values/inputs";

type Mesh = Partial<SettingsInput["mesh"]>;

function notes(mesh: Mesh, sections: Partial<SettingsInput> = {}): string[] {
  const { charts, bookinfo, applications, traffic } = settingsSchema.shape;
  return meshNotes(
    {
      mesh: meshInput(mesh).mesh,
      charts: charts.parse(sections.charts ?? {}),
      bookinfo: bookinfo.parse(sections.bookinfo ?? {}),
      applications: applications.optional().parse(sections.applications),
      traffic: traffic.parse(sections.traffic ?? {}),
    },
    projectRoot,
  );
}

const shop = { namespace: "shop", workloads: [{ name: "cart", serviceAccount: "cart", port: 80 }] };
const inShop: Mesh = { namespaces: { shop: { dataPlane: "ambient" } } };

describe("notes on the mesh", () => {
  it("are none for a mesh of sidecars without values of the user", () => {
    assert.deepEqual(notes({}, { applications: [shop] }), []);
  });

  it("list the values that were not checked", () => {
    const found = notes({ values: { istiod: { pilot: {} } } });
    assert.equal(found.length, 1);
    assert.match(found[0] ?? "", /Not checked: .* talos-mesh:mesh\.values\.istiod\./);
  });

  it("report that STRICT has no effect where pods have no proxy", () => {
    const plain = /STRICT has no effect in namespace bookinfo/;
    assert.match(notes({}, { bookinfo: { injection: "none" } }).join(), plain);
    assert.match(notes({ namespaces: { bookinfo: { dataPlane: "none" } } }).join(), plain);
    assert.deepEqual(notes({ mtls: "PERMISSIVE" }, { bookinfo: { injection: "none" } }), []);
    assert.deepEqual(notes({ dataPlane: "ambient" }, { bookinfo: { injection: "none" } }), []);
  });

  it("report what a mesh with both data planes does not enforce for ambient callers", () => {
    const http = [{ timeout: "3s" }];
    const traffic = { services: [{ host: "reviews", http }] };
    const found = notes({ ...inShop, outboundTrafficPolicy: "REGISTRY_ONLY" }, { applications: [shop], traffic });
    assert.match(found.join("\n"), /talos-mesh:traffic apply to callers with sidecars.* ambient namespace shop\./);
    assert.match(found.join("\n"), /REGISTRY_ONLY applies to sidecars, not to .* ambient namespace shop/);
    const gateway = { services: [{ host: "reviews", gateways: ["ingress"], hosts: ["a.example"], http }] };
    assert.doesNotMatch(notes(inShop, { applications: [shop], traffic: gateway }).join(), /talos-mesh:traffic/);
  });

  it("list the labels that a namespace of talos-mesh:applications needs", () => {
    const waypoints = [{ namespace: "shop", ingress: true }];
    assert.deepEqual(notes({ ...inShop, waypoints }, { applications: [shop] }), [
      'Namespace shop of talos-mesh:applications needs the label istio.io/dataplane-mode: "ambient", its Service cart the labels istio.io/use-waypoint: "waypoint", istio.io/ingress-use-waypoint: "true".',
    ]);
    const inBookinfo = { namespace: "bookinfo", workloads: [{ name: "cart", port: 80 }] };
    const ambient: Mesh = { dataPlane: "ambient" };
    assert.deepEqual(notes(ambient, { applications: [inBookinfo] }), []);
    assert.deepEqual(notes({ ...ambient, waypoints: [{ namespace: "bookinfo" }] }, { applications: [inBookinfo] }), [
      'Namespace bookinfo of talos-mesh:applications needs its Service cart the labels istio.io/use-waypoint: "waypoint".',
    ]);
  });
});
