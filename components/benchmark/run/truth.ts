import type { Scenario } from "../plan/plan";

/** What was seen of a scenario. */
export interface Seen {
  /** Containers of its client and server, init containers too. */
  readonly containers: readonly string[];
  /** Whether both pods' traffic is taken by ztunnel. */
  readonly redirected: boolean;
  /** What fortio's server says of a request it got: `/debug` repeats its headers. */
  readonly echo: string;
}

/** What a scenario was found to be, and why it is not what its name says. */
export interface Truth {
  readonly truths: readonly string[];
  readonly problem?: string;
}

/** Whether a scenario is what its name says; a benchmark of two that are the same would find no difference. */
export function truthOf(scenario: Scenario, { containers, redirected, echo }: Seen): Truth {
  const proxies = containers.filter((name) => name === "istio-proxy").length;
  const identity = /^x-forwarded-client-cert:.*spiffe:/im.test(echo);
  const envoy = /^(x-envoy-[a-z-]+|x-forwarded-proto|server: *istio-envoy)/im.test(echo);
  const truths = [
    proxies === 0 ? "no sidecars" : `${proxies} sidecars`,
    redirected ? "traffic goes through ztunnel" : "traffic does not go through ztunnel",
    identity ? "the server sees the client's mTLS identity" : "no mTLS identity in a request's headers",
    envoy ? "requests pass an Envoy" : "requests pass no Envoy",
  ];
  const problem = problemOf(scenario, { proxies, redirected, identity, envoy });
  return { truths, ...(problem !== undefined && { problem }) };
}

interface Signs {
  readonly proxies: number;
  readonly redirected: boolean;
  readonly identity: boolean;
  readonly envoy: boolean;
}

function problemOf(scenario: Scenario, { proxies, redirected, identity, envoy }: Signs): string | undefined {
  switch (scenario) {
    case "none":
    case "control":
      if (proxies > 0) return "its pods have sidecars";
      if (redirected) return "its traffic goes through ztunnel";
      return identity || envoy ? "its requests pass a proxy" : undefined;
    case "sidecar":
      if (proxies < 2) return "its pods have no sidecars";
      return identity ? undefined : "its requests come without mTLS";
    case "ambient":
      if (proxies > 0) return "its pods have sidecars";
      if (!redirected) return "its traffic does not go through ztunnel";
      return envoy ? "its requests pass a waypoint" : undefined;
    case "waypoint":
      if (proxies > 0) return "its pods have sidecars";
      if (!redirected) return "its traffic does not go through ztunnel";
      return envoy ? undefined : "its requests pass no waypoint";
  }
}
