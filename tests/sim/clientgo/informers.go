package main

import (
	"context"
	"fmt"
	"sort"
	"sync/atomic"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/metadata/metadatainformer"
	"k8s.io/client-go/tools/cache"
)

var followed = []schema.GroupVersionResource{
	{Version: "v1", Resource: "configmaps"},
	{Version: "v1", Resource: "pods"},
	{Version: "v1", Resource: "secrets"},
	{Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "namespaces"},
	{Version: "v1", Resource: "nodes"},
	{Version: "v1", Resource: "serviceaccounts"},
	{Version: "v1", Resource: "persistentvolumeclaims"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "apps", Version: "v1", Resource: "replicasets"},
	{Group: "apps", Version: "v1", Resource: "statefulsets"},
	{Group: "batch", Version: "v1", Resource: "jobs"},
	{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"},
	{Group: "events.k8s.io", Version: "v1", Resource: "events"},
	{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"},
	{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "clusterroles"},
}

// Watched are running informers and what they have been told.
type Watched struct {
	clients *Clients
	caches  map[string]cached
	lists   atomic.Int64
}

type cached struct {
	resource schema.GroupVersionResource
	store    cache.SharedIndexInformer
	events   *atomic.Int64
}

// Compare is a cache beside a list.
type Compare struct {
	Objects int    `json:"objects"`
	Events  int64  `json:"events"`
	Equal   bool   `json:"equal"`
	Why     string `json:"why,omitempty"`
}

func startInformers(ctx context.Context, clients *Clients, errs *Errors) *Watched {
	watched := &Watched{clients: clients, caches: map[string]cached{}}
	typed := informers.NewSharedInformerFactory(clients.typed, 0)
	loose := dynamicinformer.NewDynamicSharedInformerFactory(clients.dynamic, 0)
	slim := metadatainformer.NewSharedInformerFactory(clients.metadata, 0)
	for _, resource := range followed {
		informer, err := typed.ForResource(resource)
		if errs.note("informer of "+resource.Resource, err) {
			watched.follow("typed", resource, informer.Informer(), errs)
		}
	}
	for _, resource := range []schema.GroupVersionResource{widgets, followed[0], followed[8]} {
		watched.follow("dynamic", resource, loose.ForResource(resource).Informer(), errs)
	}
	for _, resource := range []schema.GroupVersionResource{widgets, followed[0], followed[1]} {
		watched.follow("metadata", resource, slim.ForResource(resource).Informer(), errs)
	}
	typed.Start(ctx.Done())
	loose.Start(ctx.Done())
	slim.Start(ctx.Done())
	waiting, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for name, one := range watched.caches {
		if !cache.WaitForCacheSync(waiting.Done(), one.store.HasSynced) {
			errs.add("no first list within 20 s: " + name)
		}
	}
	return watched
}

func (w *Watched) follow(sort string, resource schema.GroupVersionResource, informer cache.SharedIndexInformer, errs *Errors) {
	name := sort + " " + resource.GroupResource().String()
	events := &atomic.Int64{}
	_ = informer.SetWatchErrorHandler(func(_ *cache.Reflector, err error) {
		w.lists.Add(1)
		errs.add("watch of " + name + ": " + err.Error())
	})
	_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { events.Add(1) },
		UpdateFunc: func(any, any) { events.Add(1) },
		DeleteFunc: func(any) { events.Add(1) },
	})
	errs.note("handler", err)
	w.caches[name] = cached{resource, informer, events}
}

func (w *Watched) relists() int { return int(w.lists.Load()) }

// compare lists everything anew until each cache equals its list, for at most 15 s.
func (w *Watched) compare(ctx context.Context, errs *Errors) map[string]Compare {
	result := map[string]Compare{}
	for name, one := range w.caches {
		var last Compare
		for range 30 {
			list, err := w.clients.dynamic.Resource(one.resource).List(ctx, metav1.ListOptions{})
			if !errs.note("list "+name, err) {
				break
			}
			wanted := map[string]string{}
			for _, item := range list.Items {
				wanted[item.GetNamespace()+"/"+item.GetName()] = string(item.GetUID()) + " " + item.GetResourceVersion()
			}
			held := map[string]string{}
			for _, obj := range one.store.GetStore().List() {
				item, err := meta.Accessor(obj)
				if errs.note("cached object", err) {
					held[item.GetNamespace()+"/"+item.GetName()] = string(item.GetUID()) + " " + item.GetResourceVersion()
				}
			}
			why := difference(wanted, held)
			last = Compare{Objects: len(held), Events: one.events.Load(), Equal: why == "", Why: why}
			if last.Equal {
				break
			}
			time.Sleep(500 * time.Millisecond)
		}
		result[name] = last
	}
	return result
}

func difference(wanted, held map[string]string) string {
	wrong := []string{}
	for key, version := range wanted {
		if held[key] != version {
			wrong = append(wrong, fmt.Sprintf("%s listed as %q, cached as %q", key, version, held[key]))
		}
	}
	for key := range held {
		if _, there := wanted[key]; !there {
			wrong = append(wrong, key+" is cached, but not listed")
		}
	}
	sort.Strings(wrong)
	if len(wrong) == 0 {
		return ""
	}
	return fmt.Sprintf("%d differences, first: %s", len(wrong), wrong[0])
}
