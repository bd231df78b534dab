import type { Scenario } from "../metrics/record";
import type { BenchPod } from "./cluster";
import type { Connections } from "./ztunnel-connections";

/** What is seen of the pods of a scenario alone. */
export interface PodSigns {
  /** Containers of its client and server, init containers too. */
  readonly containers: readonly string[];
  /** Whether both pods' traffic is taken by ztunnel. */
  readonly redirected: boolean;
}

/** What was seen of a scenario. */
export interface Seen extends PodSigns {
  /** What fortio's server says of a request it got: `/debug` repeats its headers. */
  readonly echo: string;
  /** What ztunnels opened for that request; undefined where they do not tell. */
  readonly opened?: Connections;
}

/** What a scenario was found to be, and why it is not what its name says. */
export interface Truth {
  readonly truths: readonly string[];
  readonly problem?: string;
}

export function carriedByZtunnel(scenario: Scenario): boolean {
  return scenario === "ambient" || scenario === "waypoint";
}

export function podSigns(pods: readonly BenchPod[]): PodSigns {
  const ends = pods.filter(({ app }) => app === "client" || app === "server");
  return {
    containers: ends.flatMap(({ containers }) => containers),
    redirected: ends.length > 0 && ends.every(({ redirected }) => redirected),
  };
}

/** Whether a scenario is what its name says; a benchmark of two that are the same would find no difference. */
export function truthOf(scenario: Scenario, { containers, redirected, echo, opened }: Seen): Truth {
  const proxies = sidecars(containers);
  const identity = /^x-forwarded-client-cert:.*spiffe:/im.test(echo);
  const envoy = /^(x-envoy-[a-z-]+|x-forwarded-proto|server: *istio-envoy)/im.test(echo);
  const truths = [
    proxies === 0 ? "no sidecars" : `${proxies} sidecars`,
    redirected ? "traffic goes through ztunnel" : "traffic does not go through ztunnel",
    carriedByZtunnel(scenario) ? told(opened) : inHeaders(identity),
    envoy ? "requests pass an Envoy" : "requests pass no Envoy",
  ];
  const problem = podsProblem(scenario, { containers, redirected }) ?? problemOf(scenario, { identity, envoy, opened });
  return { truths, ...(problem !== undefined && { problem }) };
}

/** As much of the truth as costs nothing to look at again: a label that somebody sets back takes a data plane away. */
export function podsProblem(scenario: Scenario, { containers, redirected }: PodSigns): string | undefined {
  const proxies = sidecars(containers);
  if (scenario === "sidecar") return proxies < 2 ? "its pods have no sidecars" : undefined;
  if (proxies > 0) return "its pods have sidecars";
  if (redirected === carriedByZtunnel(scenario)) return undefined;
  return redirected ? "its traffic goes through ztunnel" : "its traffic does not go through ztunnel";
}

function sidecars(containers: readonly string[]): number {
  return containers.filter((name) => name === "istio-proxy").length;
}

function inHeaders(identity: boolean): string {
  return identity ? "the server sees the client's mTLS identity" : "no mTLS identity in a request's headers";
}

function told(opened: Connections | undefined): string {
  if (!opened) return "whether it has mTLS is not known: ztunnel's metrics cannot be read";
  return `ztunnel opened ${opened.mutual} connections with mTLS and ${opened.plain} without`;
}

interface Signs extends Pick<Seen, "opened"> {
  readonly identity: boolean;
  readonly envoy: boolean;
}

function problemOf(scenario: Scenario, { identity, envoy, opened }: Signs): string | undefined {
  switch (scenario) {
    case "none":
    case "control":
      return identity || envoy ? "its requests pass a proxy" : undefined;
    case "sidecar":
      return identity ? undefined : "its requests come without mTLS";
    case "ambient":
      return envoy ? "its requests pass a waypoint" : withoutMutual(opened);
    case "waypoint":
      return envoy ? withoutMutual(opened) : "its requests pass no waypoint";
  }
}

function withoutMutual(opened: Connections | undefined): string | undefined {
  if (!opened || (opened.mutual > 0 && opened.plain === 0)) return undefined;
  return opened.plain > 0 ? "its requests come without mTLS" : "ztunnel has counted none of its connections";
}
