{{- define "floodmark.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "floodmark.fullname" -}}
{{- $name := include "floodmark.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "floodmark.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "floodmark.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* What tells the pods of a part from others: list $ "engine". */}}
{{- define "floodmark.selector" -}}
{{- $ := index . 0 -}}
app.kubernetes.io/name: {{ include "floodmark.name" $ }}
app.kubernetes.io/instance: {{ $.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "floodmark.labels" -}}
{{- $ := index . 0 -}}
{{ include "floodmark.selector" . }}
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: floodmark
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" }}
{{- end }}

{{- /* Where a part serves: what the config says, or Floodmark's default. */}}
{{- define "floodmark.port" -}}
{{- $config := (index . 0).Values.config -}}
{{- $part := index . 1 -}}
{{- if eq $part "engine" }}{{ int (dig "http" "port" 9464 $config) }}
{{- else if eq $part "gateway" }}{{ int (dig "gateway" "port" 9465 $config) }}
{{- else if eq $part "notify" }}{{ int (dig "notify" "http" "port" 9466 $config) }}
{{- else }}{{ int (dig "console" "port" 9467 $config) }}
{{- end }}
{{- end }}

{{- /* floodmark.yaml: beneath what is said, what a pod needs. */}}
{{- define "floodmark.config" -}}
{{- $v := .Values -}}
{{- $own := dict
  "http" (dict "host" "0.0.0.0")
  "state" (dict "store" "/var/lib/floodmark")
  "logging" (dict "format" "json") -}}
{{- if $v.notify.enabled }}{{ $_ := set $own "notify" (dict "http" (dict "host" "0.0.0.0")) }}{{ end }}
{{- if $v.gateway.enabled }}{{ $_ := set $own "gateway" (dict "host" "0.0.0.0") }}{{ end }}
{{- if $v.console.enabled }}
{{- $engines := list }}
{{- $port := include "floodmark.port" (list . "engine") }}
{{- $name := printf "%s-engine" (include "floodmark.fullname" .) }}
{{- $count := ternary $v.keda.minReplicas $v.engine.replicas $v.keda.enabled }}
{{- range $number := until (int $count) }}
{{- $engines = append $engines (printf "http://%s-%d.%s:%s" $name $number $name $port) }}
{{- end }}
{{- $console := dict "host" "0.0.0.0" "store" "/var/lib/floodmark/console.sqlite" "engines" $engines }}
{{- /* Writes are taken from pages of this address alone. */}}
{{- if $v.console.ingress.enabled }}
{{- $_ := set $console "url" (printf "%s://%s" (ternary "https" "http" (not (empty $v.console.ingress.tls))) $v.console.ingress.host) }}
{{- else if and $v.console.httpRoute.enabled $v.console.httpRoute.hostnames }}
{{- $_ := set $console "url" (printf "https://%s" (first $v.console.httpRoute.hostnames)) }}
{{- end }}
{{- $_ := set $own "console" $console }}
{{- end }}
{{- toYaml (mergeOverwrite $own (deepCopy $v.config)) }}
{{- end }}

{{- /* What is read in addition by the engine alone: its pods keep their names. */}}
{{- define "floodmark.membership" -}}
kafka:
  instance_id: ${FLOODMARK_INSTANCE}
  {{- if not (hasKey (.Values.config.kafka | default dict) "session_timeout") }}
  session_timeout: {{ .Values.engine.sessionTimeout }}
  {{- end }}
{{- end }}

{{- define "floodmark.image" -}}
{{- with .Values.image -}}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- define "floodmark.podMetadata" -}}
{{- $ := index . 0 -}}
labels:
  {{- include "floodmark.labels" . | nindent 2 }}
  {{- with $.Values.podLabels }}{{ toYaml . | nindent 2 }}{{ end }}
{{- if or $.Values.podAnnotations $.Values.restartOnConfigChange }}
annotations:
  {{- if $.Values.restartOnConfigChange }}
  checksum/config: {{ include "floodmark.config" $ | sha256sum }}
  {{- end }}
  {{- with $.Values.podAnnotations }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}

{{- define "floodmark.pod" -}}
serviceAccountName: {{ include "floodmark.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false         # or a Service called kafka sets variables of that name
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The beginning of a container: list $ "notify" (args). NUMBA_CACHE_DIR is in the image, and stays there. */}}
{{- define "floodmark.container" -}}
{{- $ := index . 0 -}}
{{- $part := index . 1 -}}
name: {{ $part }}
image: {{ include "floodmark.image" $ }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
args: {{ index . 2 | toJson }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env:
  - {name: FLOODMARK_CONFIG, value: /etc/floodmark}
  - name: FLOODMARK_INSTANCE
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  {{- with $.Values.env }}{{ toYaml . | nindent 2 }}{{ end }}
{{- with $.Values.envFrom }}
envFrom: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "floodmark.probes" -}}
{{- $ := index . 0 -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: {{ div (int $.Values.engine.startupSeconds) 10 }}
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
{{- end }}

{{- define "floodmark.mounts" -}}
- {name: config, mountPath: /etc/floodmark, readOnly: true}
- {name: tmp, mountPath: /tmp}
{{- range .Values.secrets }}
- {name: {{ printf "secret-%s" .name }}, mountPath: {{ printf "/run/secrets/%s" .name }}, readOnly: true}
{{- end }}
{{- end }}

{{- /* list $ "engine": the engine has one file more. */}}
{{- define "floodmark.volumes" -}}
{{- $ := index . 0 -}}
- name: config
  configMap:
    name: {{ include "floodmark.fullname" $ }}
    items:
      - {key: floodmark.yaml, path: floodmark.yaml}
      {{- if eq (index . 1) "engine" }}
      - {key: membership.yaml, path: membership.yaml}
      {{- end }}
- name: tmp
  emptyDir: {sizeLimit: 256Mi}
{{- range $.Values.secrets }}
- name: {{ printf "secret-%s" .name }}
  secret: {secretName: {{ .secretName }}, defaultMode: 0440}
{{- end }}
{{- end }}
