{{- define "ztunnel.name" -}}
{{ .values.resourceName | default "ztunnel" }}
{{- end }}

{{- define "ztunnel.labels" -}}
app.kubernetes.io/name: ztunnel
{{ include "stand-in.labels" .root }}
{{- with .values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "ztunnel.control-plane" -}}
{{ list "istiod" .revision | compact | join "-" }}.{{ .istioNamespace }}.svc:15012
{{- end }}
