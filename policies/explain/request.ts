import type { Match } from "../../components/model/matches";
import type { DataPlane } from "../../components/model/data-planes";
import type { Caller } from "../../components/model/names";
import { normalizedPath } from "../../components/model/path-normalization";
import type { PathNormalization } from "../../components/settings/sections/mesh";
import type { HttpRuleSettings } from "../../components/settings/sections/http-rule";
import { pathPrefixOf, replacedPrefix } from "../http-matches";
import type { SettingPath } from "../../components/shared/problem";
import { re2Replaced } from "../../components/shared/re2";

export interface Question {
  /** `productpage`, `namespace/name`, a gateway, or `outside`: a pod outside the mesh. */
  readonly from: string;
  /** `reviews` or `namespace/name`, or a host outside the mesh. */
  readonly to: string;
  readonly method: string;
  /** With its query: `/reviews/0?full=1`. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly address?: string;
  /** Of the service, or of the gateway. @default the one that serves HTTP */
  readonly port?: number;
  readonly claims?: Readonly<Record<string, string>>;
  /** A token that no rule of tokens accepts. @default false */
  readonly hasInvalidToken?: boolean;
  /** A client that the settings do not name, instead of `from`. */
  readonly client?: Caller & { readonly dataPlane: DataPlane };
}

/** A request as a proxy sees it. */
export interface ExplainedRequest {
  readonly method: string;
  /** Without its query. */
  readonly path: string;
  /** By names in lower case; `host` is what the client calls the server. */
  readonly headers: ReadonlyMap<string, string>;
  readonly queryParams: ReadonlyMap<string, string>;
  /** The identity that the client's certificate proves; without it, the request is plain text. */
  readonly caller?: Caller;
  /** Of the client; without it, that is a gateway or outside the mesh. */
  readonly dataPlane?: DataPlane | undefined;
  readonly hasInvalidToken?: boolean | undefined;
  /** Labels of the client's pods. */
  readonly callerLabels?: Readonly<Record<string, string>> | undefined;
  /** @default "http" */
  readonly scheme?: string;
  /** That identity without `spiffe://`. */
  readonly principal?: string;
  /** Address of the peer: the client, or the proxy in front of it. Without it, no rule by address matches. */
  readonly address?: string;
  /** Address of the client, which gateways pass on in X-Forwarded-For. */
  readonly remoteAddress?: string;
  readonly port: number;
  /** The name in the handshake, at a gateway of the mesh that sees one. */
  readonly sni?: string;
  /** Claims of a valid token; `iss` is its issuer. */
  readonly claims: ReadonlyMap<string, string>;
}

export interface Step {
  readonly what: string;
  /** The setting that decides it. */
  readonly path?: SettingPath;
}

/** Path and query of what a client sends, as it is: `//a` is no host. */
export function pathAndQuery(target: string): Pick<ExplainedRequest, "path" | "queryParams"> {
  const [, path = "", query = ""] = /^([^?#]*)(?:\?([^#]*))?/.exec(target) ?? [];
  return { path, queryParams: new Map(new URLSearchParams(query)) };
}

export function normalized(request: ExplainedRequest, form: PathNormalization): ExplainedRequest {
  return { ...request, path: normalizedPath(request.path, form) };
}

/** What a proxy sends on, after a rule; `match` is the one that the request met, undefined where the rule has none. */
export function sentOn(
  request: ExplainedRequest,
  { rewrite, headers: changes }: Pick<HttpRuleSettings, "rewrite" | "headers">,
  match?: Match,
): ExplainedRequest {
  const headers = new Map(request.headers);
  const { set = {}, add = {}, remove = [] } = changes?.request ?? {};
  for (const [name, value] of Object.entries(add)) {
    const [key, before] = [name.toLowerCase(), headers.get(name.toLowerCase())];
    headers.set(key, before === undefined ? value : `${before},${value}`);
  }
  for (const [name, value] of Object.entries(set)) headers.set(name.toLowerCase(), value);
  for (const name of remove) headers.delete(name.toLowerCase());
  const authority = rewrite?.authority;
  if (authority !== undefined) for (const name of ["host", ":authority"]) headers.set(name, authority);
  return { ...request, headers, path: rewritten(request.path, rewrite, match) };
}

/** `uri` takes the place of what was matched: of a prefix, or of the whole path. */
function rewritten(path: string, rewrite: HttpRuleSettings["rewrite"], match: Match | undefined): string {
  const { uri, uriRegexRewrite } = rewrite ?? {};
  if (uriRegexRewrite) return re2Replaced(uriRegexRewrite.match, path, uriRegexRewrite.rewrite);
  if (uri === undefined) return path;
  const segments = match && pathPrefixOf([match]);
  if (segments) {
    const replaced = replacedPrefix(segments, uri);
    return re2Replaced(replaced.match, path, replaced.rewrite);
  }
  // Istio matches every path by the prefix `/`.
  const prefix = match?.uri ? match.uri.prefix : "/";
  return prefix === undefined ? uri : uri + path.slice(prefix.length);
}
