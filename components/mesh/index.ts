export { policyMeshConfig } from "../model/mesh-config";
export { chartSource } from "./chart-source";
export { gatewayCertificates } from "./gateway-certificates";
export { Istio } from "./istio";
export { meshNotes } from "./notes";
export { unknownValues } from "./values/check";
export { sidecarRequest } from "./values/proxy-generation";
