{{- define "fairlead.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "fairlead.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "fairlead.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "fairlead.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "fairlead.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{ include "fairlead.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "fairlead.selector" -}}
app.kubernetes.io/name: {{ include "fairlead.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "fairlead.image" -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "fairlead.scrape" -}}
{{- if .Values.prometheus.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.prometheus.metricsPort | quote }}
{{- end }}
{{- end -}}

{{- /* An unquoted off is the boolean false to YAML. */}}
{{- define "fairlead.forwarding" -}}
{{- $mode := .Values.forwarding.mode | toString -}}
{{- if eq $mode "false" }}{{ $mode = "off" }}{{ end -}}
{{- if not (has $mode (list "full" "off")) }}{{ fail (printf "forwarding.mode is %q: it must be full or off" $mode) }}{{ end -}}
{{- $mode -}}
{{- end -}}

{{- define "fairlead.webhook" -}}
{{- $mode := .Values.controller.webhookMode | toString -}}
{{- if not (has $mode (list "enabled" "disabled")) }}{{ fail (printf "controller.webhookMode is %q: it must be enabled or disabled" $mode) }}{{ end -}}
{{- $mode -}}
{{- end -}}

{{- /* A list, or what is one already in the form of an option. */}}
{{- define "fairlead.commas" -}}
{{- if kindIs "slice" . }}{{ join "," . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{- /* Options of kube-proxy's job. What is empty is left to the speaker. */}}
{{- define "fairlead.forwardingArgs" -}}
- --forwarding={{ include "fairlead.forwarding" . }}
{{- if eq (include "fairlead.forwarding" .) "full" }}
{{- with .Values.forwarding }}
{{- if .force }}
- --force-forwarding
{{- end }}
{{- $conntrack := .conntrack | default dict }}
{{- $options := list
  (list "detect-local-mode" .detectLocalMode)
  (list "cluster-cidr" (include "fairlead.commas" .clusterCIDR))
  (list "pod-bridge-interface" .podBridgeInterface)
  (list "pod-interface-name-prefix" .podInterfaceNamePrefix)
  (list "nodeport-addresses" (include "fairlead.commas" .nodePortAddresses))
  (list "conntrack-max-per-core" $conntrack.maxPerCore)
  (list "conntrack-min" $conntrack.min)
  (list "conntrack-tcp-timeout-established" $conntrack.tcpEstablishedTimeout)
  (list "conntrack-tcp-timeout-close-wait" $conntrack.tcpCloseWaitTimeout)
  (list "conntrack-udp-timeout" $conntrack.udpTimeout)
  (list "conntrack-udp-timeout-stream" $conntrack.udpStreamTimeout)
  (list "conntrack-tcp-be-liberal" $conntrack.tcpBeLiberal)
}}
{{- range $options }}
{{- $value := last . }}
{{- if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
- --{{ first . }}={{ if kindIs "float64" $value }}{{ int64 $value }}{{ else }}{{ $value }}{{ end }}
{{- end }}
{{- end }}
- --service-node-port-range={{ .serviceNodePortRange }}
- --healthz-bind-address={{ .healthzBindAddress }}
- --metrics-bind-address={{ .metricsBindAddress }}
{{- if .masqueradeAll }}
- --masquerade-all
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fairlead.apiServerEnv" -}}
{{- with .Values.forwarding.apiServer }}
{{- if .host }}
- name: KUBERNETES_SERVICE_HOST
  value: {{ .host | quote }}
- name: KUBERNETES_SERVICE_PORT
  value: {{ .port | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fairlead.speakerSecurity" -}}
{{- $full := eq (include "fairlead.forwarding" .) "full" -}}
# NET_RAW and NET_ADMIN: nftables, ARP, options of BGP's sockets. NET_BIND_SERVICE: routers that connect to port 179.
# SYS_NICE: BFD and ARP in time on a busy node. Forwarding also sets sysctls of the host.
privileged: {{ $full }}
allowPrivilegeEscalation: {{ $full }}
readOnlyRootFilesystem: true
{{- if not $full }}
capabilities: { drop: [ALL], add: [NET_RAW, NET_ADMIN, NET_BIND_SERVICE, SYS_NICE] }
{{- end }}
{{- end -}}
