import type { ResourceHost } from "../../embedded/program/run-program";

/**
 * Makes nothing: every resource is what was asked for, and what only a deployment can know stays unknown, exactly as
 * in a preview of something new.
 */
export const renderHost: ResourceHost = {
  register: ({ inputs }) => Promise.resolve({ state: { ...inputs } }),
};
