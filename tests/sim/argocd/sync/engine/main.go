// Program engine takes syncs as JSON, one after the other, carries each out with Argo CD's own gitops-engine on the
// cluster of the kubeconfig it is given, and prints how it went. Live objects are looked up anew before every pass.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	revision = "0123456789abcdef"
	pause    = 300 * time.Millisecond
	mark     = "argocd.argoproj.io/tracking-id"
)

type options struct {
	DryRun, Prune, Force, SkipHooks, PruneLast, Replace, ServerSide bool
	SkipDryRunOnMissing, NoValidate, PruneConfirmed, Terminate      bool
	CreateNamespace                                                 bool
	Propagation                                                     string
	NamespaceLabels, NamespaceAnnotations                           map[string]string
}

// request is one sync; with Terminate it is ended instead of taken further after StopAfter passes.
type request struct {
	Targets           []*unstructured.Unstructured
	Namespace         string
	Options           options
	Passes, StopAfter int
}

type result struct {
	Key, Version, Status, Message, HookType, HookPhase, SyncPhase string
	Images                                                        []string
}

type answer struct {
	Phase, Message string
	Passes         []string
	Results        []result
}

type scopes map[schema.GroupKind]bool

func (s scopes) IsNamespaced(kind schema.GroupKind) (bool, error) {
	if namespaced, ok := s[kind]; ok {
		return namespaced, nil
	}
	return false, fmt.Errorf("%s is not served", kind)
}

func main() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Args[1])
	check(err)
	config.QPS, config.Burst = 1000, 1000
	requests := json.NewDecoder(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		var one request
		if err := requests.Decode(&one); err == io.EOF {
			return
		} else {
			check(err)
		}
		check(answers.Encode(run(config, one)))
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(config *rest.Config, asked request) answer {
	ctx := context.Background()
	kubectl := &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	phase, message, results := common.OperationPhase(common.OperationRunning), "", []common.ResourceSyncResult(nil)
	started := metav1.Now()
	var said answer
	for pass := 0; pass < asked.Passes; pass++ {
		state, known := compare(ctx, config, asked)
		reconciled := sync.Reconcile(copies(asked.Targets), state, asked.Namespace, known)
		opts := append(settings(asked.Options), sync.WithInitialState(phase, message, results, started))
		one, cleanup, err := sync.NewSyncContext(
			revision, reconciled, config, config, kubectl, asked.Namespace, opts...)
		check(err)
		if asked.Options.Terminate && pass == asked.StopAfter {
			one.Terminate(ctx)
		} else {
			one.Sync(ctx)
		}
		cleanup()
		phase, message, results = one.GetState()
		said.Passes = append(said.Passes, fmt.Sprintf("%s: %s", phase, message))
		if phase.Completed() {
			break
		}
		time.Sleep(pause)
	}
	said.Phase, said.Message = string(phase), message
	for _, one := range results {
		said.Results = append(said.Results, result{
			one.ResourceKey.String(), one.Version, string(one.Status), one.Message,
			string(one.HookType), string(one.HookPhase), string(one.SyncPhase), one.Images,
		})
	}
	return said
}

func copies(objects []*unstructured.Unstructured) (made []*unstructured.Unstructured) {
	for _, one := range objects {
		made = append(made, one.DeepCopy())
	}
	return made
}

// compare finds what is live and either wanted or marked, objects that belong to others left out.
func compare(ctx context.Context, config *rest.Config, asked request) (map[kube.ResourceKey]*unstructured.Unstructured, scopes) {
	client, err := dynamic.NewForConfig(config)
	check(err)
	disco, err := discovery.NewDiscoveryClientForConfig(config)
	check(err)
	lists, err := disco.ServerPreferredResources()
	check(err)
	wanted := map[kube.ResourceKey]bool{}
	for _, one := range asked.Targets {
		wanted[kube.GetResourceKey(one)] = true
	}
	live, known := map[kube.ResourceKey]*unstructured.Unstructured{}, scopes{}
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		check(err)
		for _, resource := range list.APIResources {
			if !manageable(resource) {
				continue
			}
			known[schema.GroupKind{Group: version.Group, Kind: resource.Kind}] = resource.Namespaced
			found, err := client.Resource(version.WithResource(resource.Name)).List(ctx, metav1.ListOptions{})
			check(err)
			for i := range found.Items {
				one := &found.Items[i]
				key := kube.GetResourceKey(one)
				unplaced := key
				if key.Namespace == asked.Namespace {
					unplaced.Namespace = ""
				}
				_, marked := one.GetAnnotations()[mark]
				if wanted[key] || wanted[unplaced] || (marked && len(one.GetOwnerReferences()) == 0) {
					live[key] = one
				}
			}
		}
	}
	return live, known
}

func manageable(resource metav1.APIResource) bool {
	can := map[string]bool{}
	for _, verb := range resource.Verbs {
		can[verb] = true
	}
	return can["list"] && can["create"] && can["delete"]
}

func settings(asked options) []sync.SyncOpt {
	opts := []sync.SyncOpt{
		sync.WithLogr(logr.Discard()),
		sync.WithOperationSettings(asked.DryRun, asked.Prune, asked.Force, asked.SkipHooks),
		sync.WithManifestValidation(!asked.NoValidate),
		sync.WithPruneLast(asked.PruneLast),
		sync.WithReplace(asked.Replace),
		sync.WithServerSideApply(asked.ServerSide),
		sync.WithServerSideApplyManager("argocd-controller"),
		sync.WithPruneConfirmed(asked.PruneConfirmed),
		sync.WithSkipDryRunOnMissingResource(asked.SkipDryRunOnMissing),
	}
	if asked.Propagation != "" {
		policy := metav1.DeletionPropagation(asked.Propagation)
		opts = append(opts, sync.WithPrunePropagationPolicy(&policy))
	}
	if asked.CreateNamespace {
		opts = append(opts, sync.WithNamespaceModifier(asked.modify))
	}
	return opts
}

// modify does to a namespace what Argo CD's application controller does.
func (asked options) modify(wanted, live *unstructured.Unstructured) (bool, error) {
	managed := asked.NamespaceLabels != nil || asked.NamespaceAnnotations != nil
	if !managed {
		return live == nil, nil
	}
	annotations := map[string]string{common.AnnotationSyncOptions: common.SyncOptionServerSideApply}
	for key, value := range asked.NamespaceAnnotations {
		annotations[key] = value
	}
	wanted.SetLabels(asked.NamespaceLabels)
	wanted.SetAnnotations(annotations)
	return true, nil
}
