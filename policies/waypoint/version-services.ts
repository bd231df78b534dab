import type { MeshService, Subset } from "../resolve/resolved";

/**
 * The Service that stands for a subset. Gateway API routes go to Services, so that a subset has to be a version, and
 * the workload must have a Service for each (`reviews-v1`).
 */
export function versionService({ name, versionServices }: MeshService, { labels }: Subset): string | undefined {
  const { version, ...others } = labels;
  if (!versionServices || version === undefined || Object.keys(others).length > 0) return undefined;
  return `${name}-${version}`;
}
