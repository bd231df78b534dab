import { writeFileSync } from "node:fs";
import path from "node:path";
import type { ChildProcess } from "node:child_process";
import { startServer } from "./tools";

const type = (name: string) => ({ "@type": `type.googleapis.com/envoy.extensions.${name}` });
const address = (port: number) => ({ socket_address: { address: "127.0.0.1", port_value: port } });

/** A listener of Envoy in front of the server. */
export interface Listener {
  readonly name: string;
  readonly port: number;
  /** Milliseconds that its fault filter delays a request; its timer is often late, and the log has the actual delay. */
  readonly delay: number;
  /** For each request, the microseconds from its first byte to forwarding it, and to the last byte of the response. */
  readonly log: string;
}

/** A real Envoy in front of a server, with a listener for each delay. */
export function startEnvoy(
  program: string,
  folder: string,
  listeners: readonly Listener[],
  serverPort: number,
): Promise<ChildProcess> {
  const config = {
    static_resources: {
      listeners: listeners.map((listener) => ({
        name: listener.name,
        address: address(listener.port),
        filter_chains: [{ filters: [{ name: "http", typed_config: connectionManager(listener) }] }],
      })),
      clusters: [
        {
          name: "server",
          type: "STATIC",
          load_assignment: {
            cluster_name: "server",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(serverPort) } }] }],
          },
        },
      ],
    },
  };
  const file = path.join(folder, "envoy.json");
  writeFileSync(file, JSON.stringify(config));
  const args = ["-c", file, "--concurrency", "1", "--use-dynamic-base-id", "--file-flush-interval-msec", "20"];
  return startServer(program, args, /all dependencies initialized. starting workers/);
}

function connectionManager({ name, delay, log }: Listener) {
  const fault = {
    name: "fault",
    typed_config: {
      ...type("filters.http.fault.v3.HTTPFault"),
      delay: { fixed_delay: `${delay / 1000}s`, percentage: { numerator: 100 } },
    },
  };
  const times = "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:us)% %COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%\n";
  return {
    ...type("filters.network.http_connection_manager.v3.HttpConnectionManager"),
    stat_prefix: name,
    access_log: [
      {
        name: "file",
        typed_config: {
          ...type("access_loggers.file.v3.FileAccessLog"),
          path: log,
          log_format: { text_format_source: { inline_string: times } },
        },
      },
    ],
    route_config: {
      virtual_hosts: [
        { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "server" } }] },
      ],
    },
    http_filters: [fault, { name: "router", typed_config: type("filters.http.router.v3.Router") }],
  };
}
