import assert from "node:assert/strict";
import type { Registration } from "../../embedded/program/run-program";
import { runStack, type StackRun } from "../support/program";

interface Role {
  readonly metadata: { readonly name: string };
}
interface Binding {
  readonly roleRef: { readonly kind: string; readonly name: string };
  readonly subjects: readonly { readonly name: string; readonly namespace: string }[];
}
interface PodTemplate {
  readonly template: {
    readonly spec: {
      readonly serviceAccountName: string;
      readonly securityContext: Readonly<Record<string, unknown>>;
      readonly containers: readonly { readonly image: string; readonly securityContext: object }[];
    };
  };
}

function runWith(platform: Readonly<Record<string, boolean>>): Promise<StackRun> {
  return runStack({
    config: {
      environment: "dev",
      cluster: { kind: "existing", name: "shared", kubeconfig: { file: "./kubeconfig" } },
      charts: { source: "https://charts.example.com" },
      mesh: { version: "1.31.1", profile: "default" },
      platform,
    },
  });
}

const accountOf = (deployment: Registration) =>
  (deployment.inputs.spec as PodTemplate).template.spec.serviceAccountName;

describe("the platform's add-ons", function () {
  this.timeout(60_000);
  let run: StackRun;
  before(async () => {
    run = await runWith({ metricsServer: true, kubeletServingCertApprover: true });
  });

  it("are installed one by one, and only where they are set", async () => {
    const names = (stack: StackRun) => stack.byType("Deployment").map(({ name }) => name);
    assert.deepEqual(names(run), ["platform-kubelet-certificates", "platform-metrics-server"]);
    assert.deepEqual(names(await runWith({})), []);
    assert.deepEqual(names(await runWith({ metricsServer: true })), ["platform-metrics-server"]);
  });

  it("have a service account of their own, bound to roles that exist", () => {
    const own = run.byType("ClusterRole").map(({ inputs }) => (inputs as unknown as Role).metadata.name);
    // Roles that every Kubernetes has.
    const roles = [...own, "system:auth-delegator", "extension-apiserver-authentication-reader"];
    const bindings = [...run.byType("ClusterRoleBinding"), ...run.byType("RoleBinding")];
    assert.equal(bindings.length, 5);
    for (const { name, inputs } of bindings) {
      const { roleRef, subjects } = inputs as unknown as Binding;
      assert.ok(roles.includes(roleRef.name), `${name} binds ${roleRef.name}`);
      const [subject] = subjects;
      const account = run
        .byType("ServiceAccount")
        .find((each) => (each.inputs as unknown as Role).metadata.name === subject?.name);
      assert.ok(account, `${name} has no such account`);
    }
    for (const deployment of run.byType("Deployment")) {
      const account = run
        .byType("ServiceAccount")
        .find((each) => (each.inputs as unknown as Role).metadata.name === accountOf(deployment));
      assert.ok(account && run.dependsOn(deployment, account), deployment.name);
    }
  });

  it("run without privileges, with pinned images", () => {
    for (const { name, inputs } of run.byType("Deployment")) {
      const { securityContext, containers } = (inputs.spec as PodTemplate).template.spec;
      assert.equal(securityContext.runAsNonRoot, true, name);
      for (const { image, securityContext: container } of containers) {
        assert.match(image, /:v?\d+\.\d+\.\d+$/);
        assert.equal((container as { readOnlyRootFilesystem?: boolean }).readOnlyRootFilesystem, true, name);
      }
    }
  });

  it("are installed in order: certificates, metrics-server that verifies them, the API that it serves", () => {
    const [certificates, server] = [
      run.one("Deployment", "platform-kubelet-certificates"),
      run.one("Deployment", "platform-metrics-server"),
    ];
    assert.ok(run.dependsOn(server, certificates));
    assert.ok(run.dependsOn(run.one("APIService"), server));
    assert.ok(run.dependsOn(run.one("APIService"), run.one("Service", "platform-metrics-server")));
  });

  it("may approve serving certificates of kubelets only", () => {
    const rules = run
      .byType("ClusterRole")
      .flatMap(({ inputs }) => inputs.rules as { resources: string[]; verbs: string[]; resourceNames?: string[] }[]);
    const signers = rules.filter(({ resources }) => resources.includes("signers"));
    assert.deepEqual(
      signers.map(({ resourceNames }) => resourceNames),
      [["kubernetes.io/kubelet-serving"]],
    );
    assert.ok(rules.every(({ verbs, resources }) => ![...verbs, ...resources].includes("*")));
  });
});
