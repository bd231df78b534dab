export { compilePolicies } from "./compile";
export { MeshPolicies, MeshSecurity } from "./mesh-policies";
export { policyNotes } from "./network-policies";
