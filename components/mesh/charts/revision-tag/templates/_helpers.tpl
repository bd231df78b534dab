{{/* Name of the control plane's Service. */}}
{{- define "tag.istiod" -}}
{{ list "istiod" (ternary "" .Values.revision (eq .Values.revision "default")) | compact | join "-" }}
{{- end }}

{{/* istiod knows by istio.io/rev which webhooks are its own, to which it then gives its CA bundle. */}}
{{- define "tag.labels" -}}
istio.io/tag: {{ .Values.tag | quote }}
istio.io/rev: {{ .Values.revision | quote }}
operator.istio.io/component: Pilot
release: {{ .Release.Name }}
app.kubernetes.io/name: istiod
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: istio
{{- end }}

{{/* A webhook of the injector. Takes { root, name, namespaces, pods }, the last two as lists of [key, operator, values...]. */}}
{{- define "tag.webhook" -}}
- name: {{ .name }}.sidecar-injector.istio.io
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  reinvocationPolicy: Never
  clientConfig:
    service:
      name: {{ include "tag.istiod" .root }}
      namespace: {{ .root.Release.Namespace }}
      path: /inject
      port: 443
  rules:
    - { apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods] }
  namespaceSelector:
    matchExpressions:
      {{- include "tag.expressions" .namespaces | nindent 6 }}
  objectSelector:
    matchExpressions:
      {{- include "tag.expressions" .pods | nindent 6 }}
{{- end }}

{{- define "tag.expressions" -}}
{{- range . }}
- key: {{ index . 0 }}
  operator: {{ index . 1 }}
  {{- with rest (rest .) }}
  values: {{ toJson . }}
  {{- end }}
{{- end }}
{{- end }}
