{{- define "tpl.word" -}}word{{- end -}}
{{- define "tpl.tree" -}}
{{- .name }}({{ range $i, $c := .children }}{{ if $i }},{{ end }}{{ include "tpl.tree" $c }}{{ end }})
{{- end -}}
{{- define "tpl.render" -}}
{{- if typeIs "string" .value }}{{ tpl .value .context }}{{ else }}{{ tpl (.value | toYaml) .context }}{{ end }}
{{- end -}}
