import type { Settings } from "../settings/schema";

/** What a person would look for in the addons and not find. */
export function observabilityNotes({ observability }: Pick<Settings, "observability">): string[] {
  if (!observability?.kiali || observability.tracing?.provider !== "zipkin") return [];
  return [
    "Kiali shows no traces: it reads those of Jaeger, and of no Zipkin. They are on Zipkin's own page; with observability.tracing.provider jaeger Kiali shows them.",
  ];
}
