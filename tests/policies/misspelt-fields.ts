import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import type { LoadBalancerSettings, TrafficPolicySettings } from "../../components/settings/sections/traffic-policy";
import { type HttpMatch, type VirtualServiceRoute, type IstioSpecs, istioObject } from "../../policies/api-objects";

/**
 * Checked by `npm run typecheck`, not run: each line below must not compile, and the directive above it is an error as
 * soon as it does.
 */

const place = { namespace: "shop", name: "reviews" };
const destination = { host: "reviews" };

// @ts-expect-error a field of the spec: `subset` for `subsets`
istioObject("DestinationRule", place, { host: "reviews", subset: [] });

// @ts-expect-error a field inside a list: `weigth`
istioObject("VirtualService", place, { http: [{ route: [{ destination, weigth: 100 }] }] });

// @ts-expect-error a percentage next to the fault, where Istio drops it
istioObject("VirtualService", place, { http: [{ fault: { abort: { httpStatus: 500 }, percentage: { value: 1 } } }] });

// @ts-expect-error a value that the API does not have
istioObject("PeerAuthentication", place, { mtls: { mode: "strict" } });

// @ts-expect-error the spec of another kind
istioObject("Gateway", place, { mtls: { mode: "STRICT" } });

type Foreign<From, To> = Exclude<keyof NonNullable<From>, keyof NonNullable<To>>;

/** Settings that are passed on unchanged: a key that Istio does not have requires an argument, and so does not compile. */
declare function passedOn<From, To>(...foreign: [Foreign<From, To>] extends [never] ? [] : [Foreign<From, To>]): void;

type Rule = Required<HttpRuleSettings>;
type TrafficPolicy = Required<TrafficPolicySettings>;
type LoadBalancer = Required<LoadBalancerSettings>;
type IstioLoadBalancer = NonNullable<IstioTrafficPolicy["loadBalancer"]>;
type ConnectionPool = TrafficPolicy["connectionPool"];
type IstioTrafficPolicy = NonNullable<IstioSpecs["DestinationRule"]["trafficPolicy"]>;
type IstioConnectionPool = NonNullable<IstioTrafficPolicy["connectionPool"]>;

passedOn<Omit<NonNullable<Rule["match"]>[number], "sourceWorkload">, HttpMatch>();
// The types are of an API that is older than this field.
passedOn<Omit<Rule["redirect"], "prefixRewrite">, VirtualServiceRoute["redirect"]>();
passedOn<Rule["rewrite"], VirtualServiceRoute["rewrite"]>();
passedOn<Rule["retries"], VirtualServiceRoute["retries"]>();
passedOn<Rule["headers"], VirtualServiceRoute["headers"]>();
passedOn<Rule["headers"]["request"], NonNullable<VirtualServiceRoute["headers"]>["request"]>();
passedOn<
  NonNullable<Rule["rewrite"]["uriRegexRewrite"]>,
  NonNullable<VirtualServiceRoute["rewrite"]>["uriRegexRewrite"]
>();
passedOn<Rule["corsPolicy"], VirtualServiceRoute["corsPolicy"]>();
passedOn<TrafficPolicy, IstioTrafficPolicy>();
passedOn<TrafficPolicy["portLevelSettings"][number], NonNullable<IstioTrafficPolicy["portLevelSettings"]>[number]>();
passedOn<LoadBalancer, IstioLoadBalancer>();
passedOn<LoadBalancer["warmup"], IstioLoadBalancer["warmup"]>();
passedOn<LoadBalancer["localityLbSetting"], IstioLoadBalancer["localityLbSetting"]>();
passedOn<LoadBalancer["consistentHash"], IstioLoadBalancer["consistentHash"]>();
passedOn<
  Omit<NonNullable<TrafficPolicy["outlierDetection"]>, "outlierDetectionHttpErrorCodes">,
  IstioTrafficPolicy["outlierDetection"]
>();
passedOn<ConnectionPool, IstioConnectionPool>();
passedOn<NonNullable<ConnectionPool>["tcp"], IstioConnectionPool["tcp"]>();
passedOn<Omit<NonNullable<NonNullable<ConnectionPool>["http"]>, "http2KeepAlive">, IstioConnectionPool["http"]>();

// @ts-expect-error a key that Istio does not have
passedOn<{ attempts: number; perTryTimout: string }, VirtualServiceRoute["retries"]>();
