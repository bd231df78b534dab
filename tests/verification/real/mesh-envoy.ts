import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, type IncomingMessage, request } from "node:http";
import path from "node:path";
import { text } from "node:stream/consumers";
import { probeHeader, probeLabels } from "../../../components/model/mesh-config";
import { markCopies, probeRecords, type LogSource } from "../../../components/verification/evidence/records";
import type { PlannedSeries } from "../../../components/verification/plan";
import type { Observation } from "../../../components/verification/result";
import { accepting, freePort, startServer } from "../../benchmark/real/tools";

/** A real Envoy, configured as istiod configures proxies, with pods of three versions behind it. */

export const type = (name: string) => ({ "@type": `type.googleapis.com/envoy.extensions.${name}` });

/** Each version has an address of its own, as pods have. */
const versions = new Map([
  ["v1", "127.0.0.11"],
  ["v2", "127.0.0.12"],
  ["v3", "127.0.0.13"],
]);

/** What a policy changes in the configuration of the proxy in front of the versions. */
export interface Policy {
  /** Of the route to the versions; default: all to v1. */
  readonly route?: object;
  readonly filters?: readonly object[];
  /** `circuit_breakers` and the like of the versions' clusters. */
  readonly cluster?: object;
  /** The server's TLS. */
  readonly transportSocket?: object;
}

export const toVersions = (weights: Readonly<Record<string, number>>) => ({
  route: {
    weighted_clusters: { clusters: Object.entries(weights).map(([name, weight]) => ({ name: cluster(name), weight })) },
  },
});

export const cluster = (version: string) => `outbound|9080|${version}|reviews.shop.svc.cluster.local`;

const address = (host: string, port: number) => ({ socket_address: { address: host, port_value: port } });
const router = { name: "envoy.filters.http.router", typed_config: type("filters.http.router.v3.Router") };

export class MeshEnvoy {
  private constructor(
    private readonly process: ChildProcess,
    readonly port: number,
    private readonly logs: Readonly<Record<"client" | "server", string>>,
  ) {}

  /** @param folder of its configuration and logs; another one for each */
  static async start(program: string, folder: string, policy: Policy): Promise<MeshEnvoy> {
    const [port, serverPort, applicationPort] = [await freePort(), await freePort(), await freePort()];
    const logs = { client: path.join(folder, "client.log"), server: path.join(folder, "server.log") };
    const listener = (name: string, host: string, at: number, manager: object, transport?: object) => ({
      name,
      address: address(host, at),
      filter_chains: [
        {
          ...(transport && { transport_socket: transport }),
          filters: [
            {
              name: "envoy.filters.network.http_connection_manager",
              typed_config: {
                ...type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
                stat_prefix: name,
                ...manager,
              },
            },
          ],
        },
      ],
    });
    const hosts = (route: object) => ({
      virtual_hosts: [{ name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, ...route }] }],
    });
    // An application takes a while, so that requests meet.
    const work = {
      ...type("filters.http.fault.v3.HTTPFault"),
      delay: { fixed_delay: "0.02s", percentage: { numerator: 100 } },
    };
    const application = {
      route_config: hosts({ direct_response: { status: 200, body: { inline_string: "answer" } } }),
      http_filters: [{ name: "work", typed_config: work }, router],
    };
    // Each version has its own, whose address in the record says which pod it is.
    const inbound = (version: string) => `inbound|9080|${version}|`;
    const serverOf = (version: string) => ({
      route_config: hosts({ route: { cluster: inbound(version) } }),
      http_filters: [router],
      access_log: [accessLog(logs.server)],
    });
    const proxy = {
      route_config: hosts(policy.route ?? { route: { cluster: cluster("v1") } }),
      http_filters: [...(policy.filters ?? []), router],
      access_log: [accessLog(logs.client)],
    };
    const config = {
      static_resources: {
        listeners: [
          listener("proxy", "127.0.0.1", port, proxy, policy.transportSocket),
          ...[...versions].flatMap(([name, host]) => [
            listener(`${name} application`, host, applicationPort, application),
            listener(name, host, serverPort, serverOf(name)),
          ]),
        ],
        clusters: [
          ...[...versions].flatMap(([version, host]) => [
            clusterOf(inbound(version), host, applicationPort),
            { ...clusterOf(cluster(version), host, serverPort), ...policy.cluster },
          ]),
        ],
      },
    };
    const file = path.join(folder, "envoy.json");
    writeFileSync(file, JSON.stringify(config));
    for (const log of Object.values(logs)) writeFileSync(log, "");
    const args = ["-c", file, "--concurrency", "1", "--use-dynamic-base-id", "--file-flush-interval-msec", "10"];
    const child = await startServer(program, args, /all dependencies initialized. starting workers/);
    // Its workers open the ports a moment later.
    await accepting(port);
    return new MeshEnvoy(child, port, logs);
  }

  async stop(): Promise<void> {
    if (this.process.exitCode !== null) return;
    this.process.kill("SIGKILL");
    await once(this.process, "exit");
  }

  /** Sends the requests of a series, each on a connection of its own, and reads what the proxies recorded of them. */
  async observe(series: PlannedSeries): Promise<Observation[]> {
    const { count, concurrency = 20 } = series;
    const answers: Omit<Observation, "records">[] = [];
    const next = Array.from({ length: count }, (_, index) => index);
    const send = async (): Promise<void> => {
      for (let index = next.shift(); index !== undefined; index = next.shift()) {
        answers[index] = await this.send(series, `run-${index}`);
      }
    };
    await Promise.all(Array.from({ length: Math.min(concurrency, count) }, send));
    const recorded = answers.filter(({ status }) => status !== 0).length;
    const isMirrored = expectsCopies(series);
    const records = await this.records(recorded, isMirrored ? recorded : 0);
    return answers.map((answer, index) => ({ ...answer, records: records.get(`run-${index}`) ?? [] }));
  }

  private async send(
    { request: { method = "GET", path: target = "/", headers = {} } }: PlannedSeries,
    id: string,
  ): Promise<Omit<Observation, "records">> {
    const started = performance.now();
    const seconds = () => (performance.now() - started) / 1000;
    const sent = request({
      ...{ host: "127.0.0.1", port: this.port, method, path: target },
      headers: { host: "reviews:9080", [probeHeader]: id, ...headers },
      agent: new Agent({ keepAlive: false }),
    });
    sent.end();
    try {
      const [response] = (await once(sent, "response")) as [IncomingMessage];
      const body = await text(response);
      const found = Object.entries(response.headers).map(([name, value]): [string, string] => [name, String(value)]);
      return {
        status: response.statusCode ?? 0,
        exitCode: 0,
        connected: true,
        seconds: seconds(),
        headers: Object.fromEntries(found),
        body,
      };
    } catch (error) {
      // As curl has it: 52 for a connection that was closed without an answer, 56 for one that was reset.
      const exitCode = (error as { code?: string }).code === "ECONNRESET" ? 56 : 7;
      return { status: 0, exitCode, error: String(error), connected: exitCode !== 7, seconds: seconds(), headers: {} };
    }
  }

  /** Envoy writes a line when a request ends, and a moment later into the file. */
  private async records(expected: number, copies: number): Promise<Map<string, Observation["records"]>> {
    const podAt = (host: string) => {
      const [version] = [...versions].find(([, at]) => at === host) ?? [];
      return version === undefined
        ? undefined
        : { namespace: "shop", pod: `reviews-${version}`, workload: "shop/reviews", version };
    };
    const read = (log: string, source: LogSource) => probeRecords(readFileSync(log, "utf8"), source, podAt);
    const deadline = Date.now() + (copies > 0 ? 1000 : 10_000);
    for (;;) {
      const client = read(this.logs.client, { kind: "sidecar", namespace: "shop", pod: "front", isClient: true });
      const server = read(this.logs.server, { kind: "sidecar", namespace: "shop", pod: "reviews", isClient: false });
      if ((client.length >= expected && server.length >= expected + copies) || Date.now() > deadline) {
        const byProbe = new Map<string, Observation["records"][number][]>();
        for (const { probe, record } of [...client, ...server]) {
          byProbe.set(probe, [...(byProbe.get(probe) ?? []), record]);
        }
        return new Map([...byProbe].map(([id, found]) => [id, markCopies(found)]));
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** Copies may end after the request itself; where there are none, that takes the whole wait. */
function expectsCopies({ expect }: PlannedSeries): boolean {
  return expect.kind === "every" && expect.outcome.mirroredTo !== undefined;
}

function clusterOf(name: string, host: string, port: number) {
  const endpoints = [{ lb_endpoints: [{ endpoint: { address: address(host, port) } }] }];
  return { name, type: "STATIC", load_assignment: { cluster_name: name, endpoints } };
}

/** As istiod writes the provider of this project, and the filter of its Telemetry. */
function accessLog(file: string) {
  return {
    name: "envoy.access_loggers.file",
    filter: {
      extension_filter: {
        name: "cel",
        typed_config: {
          ...type("access_loggers.filters.cel.v3.ExpressionFilter"),
          expression: `'${probeHeader}' in request.headers`,
        },
      },
    },
    typed_config: {
      ...type("access_loggers.file.v3.FileAccessLog"),
      path: file,
      log_format: { json_format: probeLabels },
    },
  };
}
