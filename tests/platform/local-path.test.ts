import assert from "node:assert/strict";
import path from "node:path";
import { parse } from "yaml";
import { environmentImages } from "../../components/images";
import { runStack, type StackRun } from "../support/program";
import { root } from "../settings/stack-files";
import { settingsOf } from "./inputs";

interface Pod {
  readonly spec: { readonly serviceAccountName?: string; readonly containers: readonly Container[] };
}

interface Container {
  readonly image: string;
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
}

describe("local-path-provisioner in the program", function () {
  this.timeout(60_000);
  let run: StackRun;
  before(async () => {
    run = await runStack({
      stack: "staging",
      configFile: path.join(root, "tests/fixtures/good/platform-local-path.yaml"),
      overrides: { secrets: { registry: '{"auths": {}}' } },
    });
  });

  const config = () => run.one("ConfigMap", "platform-local-path").inputs.data as Record<string, string>;

  it("runs in a namespace whose pods may mount folders of their node", () => {
    const namespace = run.one("Namespace", "platform-local-path-storage");
    const { labels } = namespace.inputs.metadata as { labels: Record<string, string> };
    assert.equal(labels["pod-security.kubernetes.io/enforce"], "privileged");
    for (const each of run.childrenOf(run.one("LocalPath"))) assert.ok(run.dependsOn(each, namespace), each.name);
  });

  it("makes folders in the user volume, of a class that waits for the pod", () => {
    assert.deepEqual(JSON.parse(config()["config.json"] ?? ""), {
      nodePathMap: [{ node: "DEFAULT_PATH_FOR_NON_LISTED_NODES", paths: ["/var/mnt/local-path-provisioner"] }],
    });
    const { metadata, volumeBindingMode } = run.one("StorageClass").inputs;
    assert.equal(volumeBindingMode, "WaitForFirstConsumer");
    assert.deepEqual(metadata, {
      name: "local-path",
      annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
    });
  });

  it("pulls the images of the list, its helper pods with the pull secrets of its service account", () => {
    const helper = parse(config()["helperPod.yaml"] ?? "") as Pod;
    const { template } = run.one("Deployment", "platform-local-path").inputs.spec as { template: Pod };
    const pulled = [template, helper].flatMap(({ spec }) => spec.containers.map(({ image }) => image));
    const listed = environmentImages(settingsOf("platform-local-path"))
      .filter(({ component }) => component === "local-path-provisioner")
      .map(({ image }) => image);
    assert.deepEqual(pulled, listed);
    const account = run.one("ServiceAccount", "platform-local-path").inputs;
    assert.deepEqual(account.imagePullSecrets, [{ name: "registry" }]);
    // The provisioner refuses a template with an account, and sets this one.
    assert.equal(helper.spec.serviceAccountName, undefined);
    const env = new Map(template.spec.containers[0]?.env?.map(({ name, value }) => [name, value]));
    assert.equal(env.get("SERVICE_ACCOUNT_NAME"), (account.metadata as { name: string }).name);
  });

  it("comes before the addons that claim volumes, and before nothing of the mesh", () => {
    const provisioner = run.one("Deployment", "platform-local-path");
    for (const addon of ["prometheus", "loki"]) {
      assert.ok(run.dependsOn(run.one("Release", `observability-${addon}`), provisioner), addon);
    }
    assert.ok(!run.dependsOn(run.one("Release", "istio-istiod"), provisioner));
  });
});
