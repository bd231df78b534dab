import type { PolicyTarget } from "../../components/model/names";
import type { RateLimit } from "../../components/model/policies/policy-model";
import type { ExplainedRequest, Step } from "./request";

/** A limit decides only where there are more requests than this one. */
export function limitSteps(limits: readonly RateLimit[], target: PolicyTarget, request: ExplainedRequest): Step[] {
  return limits.flatMap(({ path, settings }) => {
    const { tokenBucket, port = request.port, route } = settings;
    if (port !== request.port) return [];
    const requests = route === undefined ? "requests" : `requests of rule ${route}`;
    const { maxTokens, tokensPerFill = maxTokens, fillInterval } = tokenBucket ?? {};
    const passes = `${maxTokens} ${requests} at once, and ${tokensPerFill} every ${fillInterval}`;
    const limit = tokenBucket
      ? `each proxy of ${target.title} passes ${passes}`
      : `rateLimitService counts ${requests}`;
    return [{ what: `${limit}; above the limit: 429`, path }];
  });
}
