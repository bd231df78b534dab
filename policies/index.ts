export { compilePolicies } from "./compile";
export { environmentModel } from "./environment";
export { MeshPolicies, MeshSecurity } from "./mesh-policies";
export { policyNotes } from "./notes";
