{{ define "who" }}from b{{ end }}{{ define "kept" }}  {{/* blank */}} {{ end }}
