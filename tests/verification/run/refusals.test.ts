import assert from "node:assert/strict";
import { explained } from "../../../components/verification/run/refusals";

/** In the words of Kubernetes 1.36, of its scheduler and of containerd; others are in locked-down.test.ts. */
describe("a pod that is refused or does not start", () => {
  for (const [what, words, advice] of [
    [
      "has no service account",
      'pods "a" is forbidden: error looking up service account shop/front: serviceaccount "front" not found',
      "deploy the workload first; its ServiceAccount front is looked for in namespace shop",
    ],
    [
      "gets an init container that the namespace forbids",
      'pods "a" is forbidden: violates PodSecurity "baseline:latest": non-default capabilities (container "istio-init" must not ' +
        'include "NET_ADMIN", "NET_RAW" in securityContext.capabilities.add)',
      "Istio's init container is what namespace shop (pod-security.kubernetes.io/enforce: baseline) refuses: install istio-cni",
    ],
    [
      "gets a container without the resources that a quota demands",
      'pods "a" is forbidden: failed quota: all: must specify limits.cpu for: vault-agent; limits.memory for: vault-agent',
      "ResourceQuota all demands limits.cpu of every container: give namespace shop a LimitRange with a default for it",
    ],
    [
      "is against a policy of the cluster",
      'admission webhook "validate.kyverno.svc-fail" denied the request: \n\nresource Pod/shop/a was blocked due to the following policies',
      "except pods with the label app.kubernetes.io/managed-by=talos-mesh-verification from what validate.kyverno.svc-fail demands",
    ],
    [
      "may not be created by the login",
      'pods is forbidden: User "deployer" cannot create resource "pods" in API group "" in the namespace "shop"',
      "give the login of the kubeconfig the right to create pods in namespace shop",
    ],
    [
      "is in a namespace that is being deleted",
      'pods "a" is forbidden: unable to create new content in namespace shop because it is being terminated',
      "namespace shop is being deleted: wait until it is gone",
    ],
    [
      "finds no node",
      "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient memory. no new claims to deallocate, " +
        "preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
      "the client has the tolerations, the node selector and the node affinity of the workload's pods",
    ],
    [
      "has an image that cannot be pulled",
      'Back-off pulling image "registry.example/curl:8": ErrImagePull: failed to pull and unpack image: pull access denied',
      "the image is talos-mesh:verification.image, by talos-mesh:images",
    ],
    [
      "meets a webhook that does not answer",
      'Internal error occurred: failed calling webhook "rev.namespace.sidecar-injector.istio.io": no endpoints available',
      "see whether the server of webhook rev.namespace.sidecar-injector.istio.io runs",
    ],
  ] as const) {
    it(`because it ${what} is reported with what to change`, () => {
      const found = explained(words, "shop");
      assert.ok(found.startsWith(`${words}; ${advice}`), found);
    });
  }

  it("for a reason that is not known is reported as it is", () => {
    assert.equal(explained("its sidecar to be ready", "shop"), "its sidecar to be ready");
  });
});
