import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { normalizedPath } from "../../components/model/path-normalization";
import { pathNormalizations } from "../../components/settings/sections/mesh";
import { compilePolicies } from "../../policies/compile";
import { accepting, envoyOrSkip, freePort, startServer, stopServer } from "../benchmark/real/tools";
import { type PolicySettings, shopModel } from "../support/policy-models";

const type = (name: string) => ({ "@type": `type.googleapis.com/envoy.extensions.${name}` });
const address = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });
const router = { name: "router", typed_config: type("filters.http.router.v3.Router") };

interface HttpListener {
  readonly port: number;
  readonly manager?: object;
  readonly filters?: readonly object[];
  readonly route: object;
}

function listener({ port, manager, filters = [], route }: HttpListener) {
  const typed_config = {
    ...type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: `http${port}`,
    ...manager,
    route_config: { virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, ...route }] }] },
    http_filters: [...filters, router],
  };
  return {
    name: `http${port}`,
    address: address(port),
    filter_chains: [{ filters: [{ name: "http", typed_config }] }],
  };
}

/** As istiod sets them. Source: istio/istio, pilot/pkg/networking/core/listener_builder.go, buildHTTPConnectionManager. */
const managers = {
  NONE: { normalize_path: false },
  BASE: { normalize_path: true },
  MERGE_SLASHES: { normalize_path: true, merge_slashes: true },
  DECODE_AND_MERGE_SLASHES: {
    ...{ normalize_path: true, merge_slashes: true },
    path_with_escaped_slashes_action: "UNESCAPE_AND_FORWARD",
  },
} as const;

async function answer(port: number, path: string, method = "GET"): Promise<IncomingMessage> {
  const sent = request({ host: "127.0.0.1", port, path, method }).end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return response;
}

describe("a real Envoy", function () {
  this.timeout(60_000);
  let program: string;
  let folder: string;
  let envoy: ChildProcess | undefined;

  before(async function () {
    program = await envoyOrSkip(this);
    folder = mkdtempSync(path.join(tmpdir(), "talos-mesh-envoy-"));
  });
  afterEach(() => stopServer(envoy));
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function start(listeners: readonly HttpListener[]): Promise<void> {
    const [{ port }] = listeners as [HttpListener];
    const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(port) } }] }];
    const clusters = [{ name: "first", type: "STATIC", load_assignment: { cluster_name: "first", endpoints } }];
    const file = path.join(folder, "envoy.json");
    writeFileSync(file, JSON.stringify({ static_resources: { listeners: listeners.map(listener), clusters } }));
    const args = ["-c", file, "--concurrency", "1", "--use-dynamic-base-id"];
    envoy = await startServer(program, args, /all dependencies initialized. starting workers/);
    // Its workers open the ports a moment later.
    for (const { port: each } of listeners) await accepting(each);
  }

  const ok = { direct_response: { status: 200 } };

  it("makes the same of a path as explain does, in every form", async () => {
    const seen = { header: { key: "x-path", value: "%REQ(:PATH)%" } };
    const ports = await Promise.all(pathNormalizations.map(freePort));
    await start(
      pathNormalizations.map((form, index) => ({
        port: ports[index] ?? 0,
        manager: managers[form],
        route: { ...ok, response_headers_to_add: [seen] },
      })),
    );
    const paths = [
      ...[
        "/",
        "/admin",
        "//admin",
        "///a//b/",
        "/a/./b",
        "/a/../b",
        "/a//../b",
        "/..",
        "/a/..",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
      ],
      ...[
        "/%61dmin",
        "/a%2eb",
        "/a%2Fb",
        "/a%2f..%2fb",
        "/a%5cb",
        "/a\\b",
        "/a\\..\\b",
        "/%7Euser",
        "/a%20b",
        "/%2561",
        "/.a",
        "/..a",
      ],
      ...["/a;b=c", "/a:b@c", "/(a)'!*,$&+=", "/%C3%A9", "/a/%2e", "/a/b/.."],
    ];
    for (const [index, form] of pathNormalizations.entries()) {
      for (const path of paths) {
        const { statusCode, headers } = await answer(ports[index] ?? 0, path);
        assert.equal(statusCode, 200, `${form} ${path}`);
        assert.equal(normalizedPath(path, form), headers["x-path"], `${form} ${path}`);
      }
    }
  });

  interface Patch {
    readonly applyTo: string;
    readonly patch: { readonly value: { readonly route?: object } };
  }

  /** A listener with the patches of ratings' EnvoyFilter, as istiod merges them. */
  async function limited(rateLimits: NonNullable<NonNullable<PolicySettings["traffic"]>["rateLimits"]>) {
    const objects = compilePolicies(shopModel({ traffic: { rateLimits } }));
    const filter = objects.find(({ kind }) => kind === "EnvoyFilter")?.spec as { configPatches: Patch[] };
    const values = (kind: string) =>
      filter.configPatches.flatMap(({ applyTo, patch }) => (applyTo === kind ? [patch.value] : []));
    const [upstream, port] = [await freePort(), await freePort()];
    const [patch] = values("HTTP_ROUTE");
    const route = { ...patch, route: { cluster: "first", ...patch?.route } };
    await start([
      { port: upstream, route: ok },
      { port, filters: values("HTTP_FILTER"), route },
    ]);
    return async (...requests: readonly string[]) => {
      const statuses: (number | undefined)[] = [];
      for (const each of requests) {
        const [method = "", target = ""] = each.split(" ");
        statuses.push((await answer(port, target, method)).statusCode);
      }
      return statuses;
    };
  }

  it("enforces the bucket of a target, with headers on what it refuses", async () => {
    const tokenBucket = { maxTokens: 2, fillInterval: "60s" };
    const statuses = await limited([
      { workload: "ratings", tokenBucket, responseHeaders: { "x-local-rate-limit": "true" } },
    ]);
    assert.deepEqual(await statuses("GET /", "POST /a", "GET /"), [200, 200, 429]);
  });

  it("enforces a smaller bucket for the requests of a descriptor, whatever their query", async () => {
    const descriptor = {
      name: "login",
      match: { uri: { exact: "/login" }, ignoreUriCase: true, method: { exact: "POST" } },
      tokenBucket: { maxTokens: 1, fillInterval: "60s" },
    };
    const tokenBucket = { maxTokens: 4, fillInterval: "60s" };
    const statuses = await limited([{ workload: "ratings", port: 9080, tokenBucket, descriptors: [descriptor] }]);
    assert.deepEqual(
      await statuses("POST /login?a=1", "POST /LOGIN", "GET /login", "POST /loginx"),
      [200, 429, 200, 200],
    );
    assert.equal((await statuses("GET /", "GET /")).at(-1), 429);
  });
});
