import assert from "node:assert/strict";
import type { Scenario } from "../../../components/benchmark/metrics/record";
import { namespaceOf, scenarioObjects } from "../../../components/benchmark/objects";
import { benchmarkPlan } from "../../../components/benchmark/plan/plan";
import { resolveBenchmark } from "../../../components/benchmark/plan/settings";
import { measurementOf, warmUpOf } from "../../../components/benchmark/run/commands";
import { podsProblem, type Seen, truthOf } from "../../../components/benchmark/run/truth";
import { benchmark } from "../../../components/settings/sections/benchmark";
import { parseCommandLine } from "../../../cli/command";
import { command } from "../../../cli/commands/bench";
import type { z } from "zod";

const planOf = (settings: z.input<typeof benchmark>) => benchmarkPlan(resolveBenchmark(benchmark.parse(settings)));
const places = { clientNode: "worker-1", serverNode: "worker-2" };

interface PodTemplate {
  readonly template: {
    readonly spec: {
      readonly affinity: object;
      readonly containers: readonly { readonly name: string; readonly image: string; readonly resources: object }[];
      readonly volumes: readonly { readonly emptyDir: { readonly sizeLimit: string } }[];
    };
  };
}

const onNode = (name: string) => {
  const nodeSelectorTerms = [{ matchFields: [{ key: "metadata.name", operator: "In", values: [name] }] }];
  return { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } };
};

describe("the objects of a scenario", () => {
  const objects = (scenario: Scenario, settings: z.input<typeof benchmark> = {}, revision?: string) =>
    scenarioObjects(scenario, planOf(settings), { ...places, revision });
  const labels = (scenario: Scenario, revision?: string) => objects(scenario, {}, revision)[0]?.metadata.labels ?? {};
  const template = (found: ReturnType<typeof objects>, name: string) =>
    (found.find(({ kind, metadata }) => kind === "Deployment" && metadata.name === name)?.spec as PodTemplate).template
      .spec;

  it("tell the mesh what to do with the namespace, and nothing else differs", () => {
    assert.equal(labels("none")["istio-injection"], "disabled");
    assert.equal(labels("sidecar")["istio-injection"], "enabled");
    assert.equal(labels("sidecar", "1-31")["istio.io/rev"], "1-31");
    assert.equal(labels("ambient")["istio.io/dataplane-mode"], "ambient");
    assert.equal(labels("waypoint")["istio.io/use-waypoint"], "waypoint");
    const rest = (scenario: Scenario) =>
      JSON.stringify(
        objects(scenario)
          .slice(1)
          .filter(({ metadata }) => metadata.name !== "waypoint"),
      ).replaceAll(namespaceOf(scenario), "NS");
    for (const scenario of ["sidecar", "ambient", "waypoint", "control"] as const)
      assert.equal(rest(scenario), rest("none"));
  });

  it("pin client and server to different workers", () => {
    const found = objects("none");
    assert.deepEqual(template(found, "client").affinity, onNode("worker-1"));
    assert.deepEqual(template(found, "server").affinity, onNode("worker-2"));
    assert.equal(
      found.some(({ metadata }) => metadata.name === "client-near"),
      false,
    );
    assert.deepEqual(template(objects("none", { sameNode: true }), "client-near").affinity, onNode("worker-2"));
  });

  it("pin the waypoint to the server's node", () => {
    const found = objects("waypoint").filter(({ metadata }) => metadata.name === "waypoint");
    const [parameters, gateway] = found;
    assert.deepEqual(
      [parameters?.kind, gateway?.kind],
      ["ConfigMap", "Gateway"],
      "istiod reads the first for the second",
    );
    assert.deepEqual((gateway?.spec as { infrastructure?: object }).infrastructure, {
      parametersRef: { group: "", kind: "ConfigMap", name: "waypoint" },
    });
    const { deployment = "" } = parameters?.data as Record<string, string>;
    assert.deepEqual(JSON.parse(deployment), {
      spec: { replicas: 1, template: { spec: { affinity: onNode("worker-2") } } },
    });
  });

  it("have a waypoint only where one is measured", () => {
    const gateways = (scenario: Scenario) => objects(scenario).filter(({ kind }) => kind === "Gateway").length;
    assert.deepEqual([gateways("ambient"), gateways("waypoint")], [0, 1]);
  });

  it("serve details for the article's preset, and take the images of the settings", () => {
    const found = objects("none", { preset: "article", images: { iperf3: "example.com/iperf3:1" } });
    const images = template(found, "server").containers.map(({ image }) => image);
    assert.deepEqual(images, [
      "docker.io/fortio/fortio:1.66.0",
      "example.com/iperf3:1",
      "docker.io/istio/examples-bookinfo-details-v1:1.20.3",
    ]);
  });

  it("ask for the same resources in every container, so that no scenario's pods are BestEffort", () => {
    const found = objects("none", { preset: "article", sameNode: true });
    const asked = ["client", "server", "client-near"].flatMap((name) =>
      template(found, name).containers.map(({ resources }) => resources),
    );
    assert.equal(asked.length, 7);
    for (const resources of asked) assert.deepEqual(resources, { requests: { cpu: "25m", memory: "32Mi" } });
  });

  it("have room for the access log of the largest arm", () => {
    const size = (qps: number) =>
      template(objects("none", { qps: [qps], duration: "240s" }), "client").volumes[0]?.emptyDir.sizeLimit;
    assert.deepEqual([size(0), size(1000)], ["16Mi", "53Mi"]);
  });
});

describe("the commands of an arm", () => {
  const command = (settings: z.input<typeof benchmark>, id: string) => {
    const plan = planOf(settings);
    const arm = plan.arms.find((each) => each.id === id);
    assert.ok(arm, plan.arms.map((each) => each.id).join(" "));
    return { measure: measurementOf(arm, plan).argv.join(" "), warmUp: warmUpOf(arm, plan)?.argv.join(" ") };
  };

  it("ask for a fixed rate with a log, and for saturation without", () => {
    const fixed = command({ qps: [0, 500] }, "http-c10-q500-1024B").measure;
    assert.match(
      fixed,
      / -c 10 -qps 500 -t 60s .*-access-log-file \/work\/access\.log .*http:\/\/server:8080\/\?size=1024$/,
    );
    assert.match(fixed, /-uniform/);
    assert.doesNotMatch(fixed, /jitter|nocatchup/);
    assert.doesNotMatch(command({ qps: [0] }, "http-c10-qmax-1024B").measure, /access-log/);
  });

  it("resolve the server's name to whatever addresses the cluster has", () => {
    for (const id of ["http-c10-q100-1024B", "connect", "request-response"])
      assert.match(command({}, id).measure, / -resolve-ip-type ip /);
  });

  it("open a connection a request where that is measured", () => {
    assert.match(command({ keepAlive: [false] }, "http-c10-q100-1024B-close").measure, /-keepalive=false/);
    assert.match(command({}, "connect").measure, /-c 1 -qps 0 .*-keepalive=false/);
    assert.match(command({}, "request-response").measure, /-c 1 -qps 0 .* tcp:\/\/server:8078$/);
  });

  it("ask for the server's address once, so that no connection measures the cluster's DNS", () => {
    assert.match(command({ keepAlive: [false] }, "http-c10-q100-1024B-close").measure, / -no-reresolve /);
    assert.match(command({}, "connect").measure, / -no-reresolve /);
  });

  it("have room for the largest answer that the server gives", () => {
    assert.match(command({}, "http-c10-q100-1024B").measure, / -httpbufferkb 128 /);
    assert.match(command({ payloadSizes: [262_144] }, "http-c10-q100-262144B").measure, / -httpbufferkb 272 /);
  });

  it("speak gRPC, and ask details in the article's preset", () => {
    assert.match(
      command({ grpc: true }, "grpc-c10-q100-1024B").measure,
      /-grpc -ping -payload-size 1024 .* server:8079$/,
    );
    assert.match(command({ preset: "article" }, "http-c10-q100-178B").measure, /http:\/\/server:9080\/details\/0$/);
  });

  it("run iperf3 both ways, with its first seconds left out and no warm-up of ours", () => {
    assert.equal(command({}, "tcp-4-upload").measure, "iperf3 -c server -p 5201 -J -O 3 -t 30 -P 4");
    assert.equal(command({}, "tcp-4-download").measure, "iperf3 -c server -p 5201 -J -O 3 -t 30 -P 4 -R");
    assert.equal(command({}, "tcp-4-upload").warmUp, undefined);
  });
});

describe("the truth of a scenario", () => {
  const none: Seen = {
    containers: ["fortio", "iperf3", "fortio", "iperf3"],
    redirected: false,
    echo: "Host: server\n",
  };
  const sidecar = {
    ...none,
    containers: [...none.containers, "istio-proxy", "istio-proxy"],
    echo: "X-Forwarded-Client-Cert: By=spiffe://a\n",
  };
  const ambient = { ...none, redirected: true };
  const waypoint = { ...ambient, echo: "x-envoy-expected-rq-timeout-ms: 15000\n" };
  const problem = (scenario: Scenario, seen: Seen) => truthOf(scenario, seen).problem;

  it("holds where it is what its name says", () => {
    assert.deepEqual(
      [
        problem("none", none),
        problem("control", none),
        problem("sidecar", sidecar),
        problem("ambient", ambient),
        problem("waypoint", waypoint),
      ],
      [undefined, undefined, undefined, undefined, undefined],
    );
  });

  it("is missed where it is another", () => {
    assert.equal(problem("none", sidecar), "its pods have sidecars");
    assert.equal(problem("none", ambient), "its traffic goes through ztunnel");
    assert.equal(problem("control", { ...none, echo: "Server: istio-envoy" }), "its requests pass a proxy");
    assert.equal(problem("sidecar", none), "its pods have no sidecars");
    assert.equal(problem("sidecar", { ...sidecar, echo: "" }), "its requests come without mTLS");
    assert.equal(problem("ambient", none), "its traffic does not go through ztunnel");
    assert.equal(problem("ambient", waypoint), "its requests pass a waypoint");
    assert.equal(problem("waypoint", ambient), "its requests pass no waypoint");
    assert.equal(problem("waypoint", sidecar), "its pods have sidecars");
  });

  it("is, where ztunnel carries the traffic, what ztunnel has counted", () => {
    const opened = (mutual: number, plain: number) => ({ opened: { mutual, plain } });
    assert.equal(problem("ambient", { ...ambient, ...opened(2, 0) }), undefined);
    assert.equal(problem("waypoint", { ...waypoint, ...opened(2, 1) }), "its requests come without mTLS");
    assert.equal(problem("ambient", { ...ambient, ...opened(0, 0) }), "ztunnel has counted none of its connections");
    assert.equal(problem("none", { ...none, ...opened(0, 2) }), undefined);
  });

  it("can be looked at again of the pods alone", () => {
    assert.equal(podsProblem("ambient", ambient), undefined);
    assert.equal(podsProblem("ambient", none), "its traffic does not go through ztunnel");
    assert.equal(podsProblem("sidecar", none), "its pods have no sidecars");
    assert.equal(podsProblem("none", ambient), "its traffic goes through ztunnel");
  });

  it("is told in words", () => {
    assert.deepEqual(truthOf("none", none).truths, [
      ...["no sidecars", "traffic does not go through ztunnel"],
      ...["no mTLS identity in a request's headers", "requests pass no Envoy"],
    ]);
  });
});

describe("npm run bench", () => {
  it("always measures none, and keeps the order of the scenarios", () => {
    const { values } = parseCommandLine(command, ["--stack", "dev", "--scenarios", "waypoint,sidecar"]);
    assert.deepEqual(values.scenarios, ["none", "sidecar", "waypoint"]);
  });

  it("refuses an unknown scenario, and a missing stack", async () => {
    assert.throws(
      () => parseCommandLine(command, ["--stack", "dev", "--scenarios", "mesh"]),
      /--scenarios "mesh": unknown mesh; known: none, sidecar, ambient, waypoint/,
    );
    await assert.rejects(async () => parseCommandLine(command, ["--quick"]).run(), /--stack is missing/);
  });
});
