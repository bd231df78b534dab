import { conditionsIn, httpConditions } from "../../../policies/conditions";
import { type Caller, covers, targetKey, workloadKey } from "../../model/names";
import { type AccessRule, type ExternalRule, mtlsModes, type PolicyModel } from "../../model/policies/policy-model";
import { callerNamespace } from "../../model/policies/resolve";
import { targetPorts } from "../../model/policies/target-ports";
import { rootNamespace } from "../../shared/istio";
import type { Problem, Refusal } from "../../shared/problem";
import { checkEach } from "../../shared/unknown";
import { hasPods } from "../../shared/workload";
import { problemsAt, problemsOfEach, proxyRemedy, sharedPortRemedy } from "../check";

/** Access rules that would not hold for the clients they name, and mTLS exceptions. */
export function* accessRuleProblems(model: PolicyModel): Iterable<Problem> {
  const { accessRules, externalRules, tokenRules, names } = model;
  yield* checkEach(accessRules, [], ({ path, settings }) => {
    const namespace = callerNamespace(settings, names);
    const named = (name: string): Refusal => {
      const gateway = names.findGateway(name);
      if (gateway && names.findWorkload(namespace, name))
        return `found ${name}, a workload and a gateway; write ${namespace}/${name}, or rename one`;
      const workload = gateway ? undefined : names.reference(name, namespace);
      return (
        workload?.dataPlane === "none" &&
        hasPods(workload) &&
        `found ${name}, which has no proxy, and so no identity; ${proxyRemedy(workload.namespace)}`
      );
    };
    return [
      ...problemsOfEach(settings.from, [...path, "from"], named),
      ...problemsOfEach(settings.notFrom, [...path, "notFrom"], named),
    ];
  });
  const acceptTokens = new Set(tokenRules.map(({ target }) => target));
  yield* problemsAt(
    accessRules,
    (rule) => sharedIdentities(rule, model),
    (rule) => identityWithoutMtls(rule, model),
    identityAtGateway,
    (rule) => addressBehindGateway(rule, model),
    ({ settings }) => ({
      requestPrincipals: withoutSubject(settings.requestPrincipals),
      notRequestPrincipals: withoutSubject(settings.notRequestPrincipals),
    }),
    ({ target, settings }) => {
      const [field] = conditionsIn(settings, ["claims", "requestPrincipals", "audiences", "presenters"]);
      if (field === undefined || [...acceptTokens].some((wide) => covers(wide, target))) return undefined;
      return {
        [field]: `${target.title} accepts no token, so no request has claims; add an entry of talos-mesh:security.jwt for it`,
      };
    },
  );
  yield* problemsAt([...accessRules, ...externalRules], (rule) => connectionsWithoutHttp(rule, model));
  yield* problemsAt(externalRules, (rule) => addressBehindGateway(rule, model));
  const seen = new Set<string>();
  yield* problemsAt(model.mtlsExceptions, ({ target, settings: { workload } }) => {
    const key = targetKey(target);
    const again = seen.has(key);
    seen.add(key);
    const { kind, namespace } = target;
    const ofWholeMesh = kind === "mesh" || (kind === "namespace" && namespace === rootNamespace);
    const applies = "an exception applies to the whole mesh; set talos-mesh:mesh.mtls instead";
    return [
      ofWholeMesh && {
        [workload === undefined ? "namespace" : "workload"]: `found ${workload ?? namespace}, where ${applies}`,
      },
      kind === "gateway" && { workload: `found ${target.title}, whose tls says what it accepts; remove this entry` },
      again && "another entry is for the same pods; merge them",
    ];
  });
}

/** A rule for a workload matches every other workload with the same service account. */
function sharedIdentities({ callers, notCallers, settings }: AccessRule, { names }: PolicyModel): Refusal {
  const shared = (list: readonly Caller[] = [], namespaces: readonly string[] = []): Refusal => {
    const named = new Map(list.map((caller) => [workloadKey(caller), caller]));
    return [...named.values()].map((caller) => {
      if (namespaces.includes(caller.namespace) || !names.findWorkload(caller.namespace, caller.name)) return undefined;
      const others = names.sameIdentity(caller).filter((other) => !named.has(workloadKey(other)));
      return (
        others.length > 0 &&
        `${caller.name} runs as service account ${caller.serviceAccount}, and so does ${others.map(({ name }) => name).join(", ")}: ` +
          "the rule would match all of them; name all, or give each its own service account"
      );
    });
  };
  return {
    from: shared(callers, settings.fromNamespaces),
    notFrom: shared(notCallers, settings.notFromNamespaces),
  };
}

const identityFields = ["from", "fromNamespaces", "principals", "trustDomains"] as const;
const excludedIdentityFields = ["notFrom", "notFromNamespaces", "notPrincipals", "notTrustDomains"] as const;

/** Without mTLS a client has no identity: an ALLOW by identity matches no request, a DENY misses some. */
function identityWithoutMtls({ action, target, settings }: AccessRule, model: PolicyModel): Refusal {
  const given = identityFields.find((field) => settings[field] !== undefined);
  const excluded = excludedIdentityFields.find((field) => settings[field] !== undefined);
  const field = given ?? excluded;
  if (field === undefined) return undefined;
  const modes = target.workloads.map((workload) => ({ workload, ...mtlsModes(model, workload) }));
  const disabled = modes.find(({ atServicePort }) => atServicePort === "DISABLE");
  if (disabled) {
    return {
      [field]: `${disabled.workload.name} has no mTLS (DISABLE), so no client has an identity; remove the exception, or use ipBlocks`,
    };
  }
  const open = modes.find(({ all }) => all.some((mode) => mode !== "STRICT"));
  if (!open) return undefined;
  const plainText = `${open.workload.name} also accepts plain text (PERMISSIVE), where a client has no identity and this rule`;
  if (action === "DENY" && given) {
    return { [given]: `${plainText} does not match; make it STRICT, or use allow rules instead` };
  }
  // What is excluded gets in without a certificate.
  if (action !== "ALLOW" || given || !excluded) return undefined;
  return { [excluded]: `${plainText} matches; make it STRICT, or use deny rules with the opposite condition instead` };
}

/** Clients of a gateway are outside the mesh; an egress gateway's come with mTLS, and MUTUAL asks for certificates. */
function identityAtGateway({ target, settings }: AccessRule): Refusal {
  const [gateway] = target.gateways;
  const field = [...identityFields, ...excludedIdentityFields].find((one) => settings[one] !== undefined);
  if (target.kind !== "gateway" || !gateway || field === undefined) return undefined;
  if (gateway.name === "egress" || gateway.tls?.servers.some(({ mode }) => mode.includes("MUTUAL")) === true)
    return undefined;
  return {
    [field]:
      `clients of ${target.title} have no identity of the mesh; ` +
      "use remoteIpBlocks, claims or requestPrincipals, or write the rule for the workloads behind it",
  };
}

/**
 * At a workload, the peer of a request that came through a gateway is the gateway's pod. The address that the gateway
 * passes on is worth something only in requests of the gateway: any other client can write X-Forwarded-For itself.
 */
function addressBehindGateway(
  { target, callers = [], settings }: Pick<AccessRule, "target" | "callers" | "settings">,
  { gateways }: PolicyModel,
): Refusal {
  const { from, fromNamespaces, principals } = settings;
  const isGateway = ({ namespace, name }: Caller) =>
    gateways.some((one) => one.namespace === namespace && one.name === name);
  const gateway = callers.find(isGateway);
  const ofPeer = (field: "ipBlocks" | "notIpBlocks", instead: "remoteIpBlocks" | "notRemoteIpBlocks") =>
    gateway &&
    settings[field] &&
    `the peer is the pod of gateway ${gateway.name}, not its client; ` +
      `use ${instead}, which the gateway passes on, or write the rule for the gateway: { to: ${gateway.name}, ${instead}: [...] }`;
  const isForged = target.kind !== "gateway" && (!from || fromNamespaces || principals || !callers.every(isGateway));
  const ofClient = (field: "remoteIpBlocks" | "notRemoteIpBlocks") =>
    isForged &&
    settings[field] &&
    "any client in the mesh can send an X-Forwarded-For of its own; write the rule for the gateway, or with from: [gateway]; " +
      "the address of the peer is ipBlocks";
  return {
    ipBlocks: ofPeer("ipBlocks", "remoteIpBlocks"),
    notIpBlocks: ofPeer("notIpBlocks", "notRemoteIpBlocks"),
    remoteIpBlocks: ofClient("remoteIpBlocks"),
    notRemoteIpBlocks: ofClient("notRemoteIpBlocks"),
  };
}

/** istiod reads the last `/` as the end of the issuer. */
function withoutSubject(requestPrincipals: readonly string[] = []): Refusal {
  const wrong = requestPrincipals.find((value) => /^https?:\/\/[^/]*$/.test(value));
  return wrong && `found ${wrong}, an issuer without a subject; write ${wrong.replace(/\*$/, "")}/*`;
}

/** Where istiod cannot judge a condition of HTTP, an ALLOW matches nothing, and a DENY every connection. */
function connectionsWithoutHttp({ target, settings, ...rule }: AccessRule | ExternalRule, model: PolicyModel): Refusal {
  const [field] = conditionsIn(settings, httpConditions);
  if (field === undefined || ("action" in rule && rule.action === "AUDIT")) return undefined;
  const allows = "action" in rule && rule.action === "ALLOW";
  const owners = targetPorts(target, model);
  const isElsewhere = owners.some(({ ports }) => ports.some(({ readsHttp }) => readsHttp));
  for (const { owner, ports } of owners) {
    const meant = ports.filter(
      ({ port }) => (settings.ports?.includes(port) ?? true) && !settings.notPorts?.includes(port),
    );
    const other = meant.find(({ readsHttp }) => !readsHttp);
    // Without ports, it may be for other workloads of the target.
    if (!other || (allows && (meant.some(({ readsHttp }) => readsHttp) || (!settings.ports && isElsewhere)))) continue;
    const title = `port ${other.port} (${other.protocol}) of ${owner}, which is not HTTP`;
    if (allows)
      return { [field]: `matches no connection to ${title}; write a rule of its own for the port, without ${field}` };
    const [http, others] = [true, false].map((reads) =>
      ports.filter(({ readsHttp }) => readsHttp === reads).map(({ port }) => port),
    ) as [number[], number[]];
    const separate = http.filter((port) => !others.includes(port));
    const remedy = http.includes(other.port)
      ? sharedPortRemedy
      : separate.length > 0
        ? `add ports: [${separate.join(", ")}]`
        : `remove ${field}`;
    return { [field]: `would hold for every connection to ${title}; ${remedy}` };
  }
  return undefined;
}
