package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/restmapper"
)

const definitionName = "widgets.clientgo.example.com"

var (
	definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	widgets     = schema.GroupVersionResource{Group: "clientgo.example.com", Version: "v1", Resource: "widgets"}
)

// prepare makes the namespace and the definition of widgets, and waits until widgets are served.
func prepare(ctx context.Context, clients *Clients, namespace string) error {
	_, err := clients.typed.CoreV1().Namespaces().Create(
		ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	text := map[string]any{"type": "string"}
	definition := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1",
		"kind":       "CustomResourceDefinition",
		"metadata":   map[string]any{"name": definitionName},
		"spec": map[string]any{
			"group": widgets.Group,
			"scope": "Namespaced",
			"names": map[string]any{"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": []any{"wdg"}},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"subresources": map[string]any{"status": map[string]any{}},
				"schema": map[string]any{"openAPIV3Schema": map[string]any{
					"type": "object",
					"properties": map[string]any{
						"spec": map[string]any{"type": "object", "properties": map[string]any{
							"size":  map[string]any{"type": "integer", "default": int64(1), "maximum": int64(100)},
							"owner": text,
						}},
						"status": map[string]any{"type": "object", "properties": map[string]any{"phase": text}},
					},
				}},
			}},
		},
	}}
	if _, err := clients.dynamic.Resource(definitions).Create(ctx, definition, metav1.CreateOptions{}); err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
		_, err := clients.dynamic.Resource(widgets).Namespace(namespace).List(ctx, metav1.ListOptions{})
		return err == nil, nil
	})
}

// lookAround reads discovery in both forms, maps kinds to resources and fetches the OpenAPI documents.
func lookAround(ctx context.Context, clients *Clients, errs *Errors) {
	finder, err := discovery.NewDiscoveryClientForConfig(clients.config)
	if !errs.note("discovery client", err) {
		return
	}
	_, everything, err := finder.ServerGroupsAndResources()
	errs.note("discovery", err)
	if len(everything) < 15 {
		errs.add(fmt.Sprintf("discovery lists %d group versions", len(everything)))
	}
	_, err = finder.ServerPreferredResources()
	errs.note("preferred resources", err)
	legacy, err := discovery.NewDiscoveryClientForConfig(clients.config)
	if errs.note("discovery client", err) {
		legacy.UseLegacyDiscovery = true
		_, old, err := legacy.ServerGroupsAndResources()
		errs.note("discovery without aggregation", err)
		if len(old) != len(everything) {
			errs.add(fmt.Sprintf("aggregated discovery lists %d group versions, the old form %d", len(everything), len(old)))
		}
	}
	_, err = finder.ServerVersion()
	errs.note("version", err)
	mapper := restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(finder))
	for _, kind := range []schema.GroupKind{{Kind: "Pod"}, {Group: "apps", Kind: "Deployment"}, {Group: widgets.Group, Kind: "Widget"}} {
		_, err := mapper.RESTMapping(kind)
		errs.note("mapping of "+kind.String(), err)
	}
	paths, err := finder.OpenAPIV3().Paths()
	errs.note("OpenAPI", err)
	for _, path := range []string{"api/v1", "apis/apps/v1", "apis/clientgo.example.com/v1"} {
		document, there := paths[path]
		if !there {
			errs.add("no OpenAPI document " + path)
			continue
		}
		_, err := document.Schema("application/json")
		errs.note("OpenAPI "+path, err)
	}
	_ = ctx
}
