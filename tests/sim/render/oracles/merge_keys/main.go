// Writes which lists of Kubernetes' kinds kustomize merges, and by which keys.
//
// `kinds` leads from APIVERSION/KIND to a definition; a definition's fields lead to another definition (a text) or say
// the keys of a list and the definition of its items (a list). What has no such list below it is left out.
package main

import (
	"encoding/json"
	"os"
	"strings"

	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/kustomize/kyaml/openapi"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

func definition(schema *spec.Schema) string {
	reference := schema.Ref.String()
	return reference[strings.LastIndex(reference, "/")+1:]
}

func short(name string) string {
	parts := strings.Split(name, ".")
	return strings.Join(parts[max(0, len(parts)-3):], ".")
}

func keys(schema *spec.Schema) ([]any, bool) {
	strategy, _ := schema.Extensions["x-kubernetes-patch-strategy"].(string)
	merges := false
	for _, one := range strings.Split(strategy, ",") {
		merges = merges || one == "merge"
	}
	if !merges || len(schema.Type) != 1 || schema.Type[0] != "array" {
		return nil, false
	}
	if found, ok := schema.Extensions["x-kubernetes-list-map-keys"].([]any); ok {
		return found, true
	}
	if found, ok := schema.Extensions["x-kubernetes-patch-merge-key"].(string); ok {
		return []any{found}, true
	}
	return []any{}, true
}

func main() {
	openapi.SchemaForResourceType(yaml.TypeMeta{APIVersion: "v1", Kind: "Pod"})
	all := openapi.Schema().Definitions
	useful := map[string]bool{}
	for grown := true; grown; {
		grown = false
		for name, schema := range all {
			for _, field := range schema.Properties {
				_, list := keys(&field)
				if !useful[name] && (list || useful[definition(&field)]) {
					useful[name], grown = true, true
				}
			}
		}
	}
	definitions, kinds, waiting := map[string]map[string]any{}, map[string]string{}, []string{}
	for name, schema := range all {
		found, _ := schema.Extensions["x-kubernetes-group-version-kind"].([]any)
		for _, one := range found {
			gvk := one.(map[string]any)
			kind := gvk["kind"].(string)
			if useful[name] && !strings.HasSuffix(kind, "List") && kind != "DeleteOptions" {
				path := gvk["version"].(string) + "/" + kind
				if group := gvk["group"].(string); group != "" {
					path = group + "/" + path
				}
				kinds[path] = short(name)
				waiting = append(waiting, name)
			}
		}
	}
	for len(waiting) > 0 {
		name := waiting[0]
		waiting = waiting[1:]
		if definitions[short(name)] != nil {
			continue
		}
		fields := map[string]any{}
		schema := all[name]
		for field, below := range schema.Properties {
			target := definition(&below)
			if found, list := keys(&below); list {
				target = definition(below.Items.Schema)
				if !useful[target] {
					target = ""
				}
				fields[field] = []any{found, short(target)}
			} else if useful[target] {
				fields[field] = short(target)
			} else {
				target = ""
			}
			if target != "" {
				waiting = append(waiting, target)
			}
		}
		definitions[short(name)] = fields
	}
	out := json.NewEncoder(os.Stdout)
	if err := out.Encode(map[string]any{"definitions": definitions, "kinds": kinds}); err != nil {
		panic(err)
	}
}
