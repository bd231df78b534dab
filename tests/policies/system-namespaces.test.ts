import assert from "node:assert/strict";
import { dataPlaneOf } from "../../components/model/data-planes";
import { namespaces } from "../../components/platform/namespaces";
import { defaultNamespace } from "../../components/model/workloads";
import { validate } from "../../components/validation/validate";
import { compilePolicies } from "../../policies/compile";

const stack = {
  environment: "dev",
  cluster: { kind: "existing", name: "test", kubeconfig: { file: "kubeconfig" } },
  mesh: { version: "1.31.1" },
  gateways: { ingress: {} },
  applications: [
    { namespace: "shop", workloads: [{ name: "front", port: 80 }] },
    { namespace: "kube-system", workloads: [{ name: "dashboard", port: 8080 }] },
  ],
  traffic: {
    services: [
      {
        host: "dashboard",
        namespace: "kube-system",
        gateways: ["ingress"],
        hosts: ["dashboard.example.com"],
        trafficPolicy: { connectionPool: { tcp: { connectTimeout: "1s" } } },
      },
    ],
  },
  security: { authorization: { default: "deny", allow: [{ to: "front", from: ["ingress"] }] } },
};

describe("workloads of a namespace of the system", () => {
  const model = validate(stack, { secretNames: [] });
  const objects = compilePolicies(model.policies);

  it("are destinations of routes and traffic policies, and have no other policy", () => {
    const ofSystem = objects.filter(({ metadata }) => metadata.namespace === "kube-system");
    assert.deepEqual(ofSystem.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort(), [
      "DestinationRule dashboard",
      "VirtualService dashboard.ingress",
    ]);
    assert.ok(objects.some(({ kind, metadata }) => kind === "AuthorizationPolicy" && metadata.namespace === "shop"));
  });

  it("have no proxies, whatever the data plane of the mesh", () => {
    for (const dataPlane of ["sidecar", "ambient"] as const) {
      assert.equal(dataPlaneOf({ dataPlane, namespaces: {} }, "istio-system"), "none");
      assert.equal(dataPlaneOf({ dataPlane, namespaces: {} }, "kube-system"), "none");
      assert.equal(dataPlaneOf({ dataPlane, namespaces: {} }, "kubeapps"), dataPlane);
    }
  });

  it("leave the default namespace and the namespaces of the stack as they are", () => {
    assert.equal(defaultNamespace(model.settings), "shop");
    assert.deepEqual(
      namespaces(model.settings).map(({ name }) => name),
      ["istio-ingress", "istio-system"],
    );
  });
});
