{{- define "common.configmap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .name }}-{{ .top.Release.Name }}
data: {{- toYaml .data | nindent 2 }}
{{- end -}}
