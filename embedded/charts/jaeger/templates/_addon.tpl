{{/* Made by scripts/vendor.cjs from scripts/vendor/addon-chart: edit it there. */}}

{{/* Labels of every object; `talos-mesh/stand-in` tells it from an object of the official chart. */}}
{{- define "addon.labels" -}}
talos-mesh/stand-in: "true"
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{/*
What an addon is to others: a ServiceAccount, a Service, and a Deployment (or StatefulSet) whose pods have the official
chart's labels, annotations and ports, with a volume where the values ask for one.

  root         the root context
  name         of all objects
  selector     labels of the pods, and of nothing else
  image        with its tag
  ports        list of {name, port, target}
  kind         Deployment or StatefulSet; default Deployment
  annotations, resources, pullSecrets, securityContext   of the pod or its container, where there are any
  secrets      names of Secrets that the container's environment is read from
  claim        {enabled, size, storageClass}
*/}}
{{- define "addon.objects" -}}
{{- $claimed := (.claim | default dict).enabled }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels:
    {{- .selector | toYaml | nindent 4 }}
    {{- include "addon.labels" .root | nindent 4 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels:
    {{- .selector | toYaml | nindent 4 }}
    {{- include "addon.labels" .root | nindent 4 }}
spec:
  selector:
    {{- .selector | toYaml | nindent 4 }}
  ports:
    {{- range .ports }}
    - { name: {{ .name }}, port: {{ .port }}, targetPort: {{ .target | default .port }}, protocol: TCP }
    {{- end }}
{{- if $claimed }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}
  labels:
    {{- include "addon.labels" .root | nindent 4 }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with .claim.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources:
    requests:
      storage: {{ .claim.size }}
{{- end }}
---
apiVersion: apps/v1
kind: {{ .kind | default "Deployment" }}
metadata:
  name: {{ .name }}
  labels:
    {{- .selector | toYaml | nindent 4 }}
    {{- include "addon.labels" .root | nindent 4 }}
spec:
  replicas: 1
  {{- if eq .kind "StatefulSet" }}
  serviceName: {{ .name }}
  {{- end }}
  selector:
    matchLabels:
      {{- .selector | toYaml | nindent 6 }}
  template:
    metadata:
      labels:
        {{- .selector | toYaml | nindent 8 }}
        {{- include "addon.labels" .root | nindent 8 }}
      {{- with .annotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      serviceAccountName: {{ .name }}
      {{- with .pullSecrets }}
      imagePullSecrets:
        {{- range . }}
        - name: {{ if kindIs "map" . }}{{ .name }}{{ else }}{{ . }}{{ end }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ .root.Chart.Name }}
          image: {{ .image }}
          ports:
            {{- range .ports }}
            - { name: {{ .name }}, containerPort: {{ .target | default .port }} }
            {{- end }}
          {{- with .secrets }}
          envFrom:
            {{- range . }}
            - secretRef: { name: {{ . }} }
            {{- end }}
          {{- end }}
          {{- with .resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .securityContext }}
          securityContext:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- if $claimed }}
          volumeMounts:
            - { name: data, mountPath: /data }
          {{- end }}
      {{- if $claimed }}
      volumes:
        - name: data
          persistentVolumeClaim: { claimName: {{ .name }} }
      {{- end }}
{{- end }}
