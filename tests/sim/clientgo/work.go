package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	appsapply "k8s.io/client-go/applyconfigurations/apps/v1"
	coreapply "k8s.io/client-go/applyconfigurations/core/v1"
	metaapply "k8s.io/client-go/applyconfigurations/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/client-go/util/retry"
)

// Work writes at random: a seed makes the same choices again.
type Work struct {
	clients   *Clients
	namespace string
	random    *rand.Rand
	errs      *Errors
	done      map[string]int
	number    int
	live      map[string][]string
	recorder  record.EventRecorder
}

type step struct {
	name  string
	needs string
	do    func(ctx context.Context, name string) error
}

func newWork(clients *Clients, namespace string, seed int64, errs *Errors) *Work {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcore.EventSinkImpl{Interface: clients.typed.CoreV1().Events("")})
	return &Work{
		clients:   clients,
		namespace: namespace,
		random:    rand.New(rand.NewSource(seed)),
		errs:      errs,
		done:      map[string]int{},
		live:      map[string][]string{},
		recorder:  broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "clientgo"}),
	}
}

func (w *Work) run(ctx context.Context, long time.Duration, rate float64) {
	limiter := flowcontrol.NewTokenBucketRateLimiter(float32(rate), 1)
	steps := append(append(w.configMaps(), w.deployments()...), w.widgets()...)
	steps = append(steps, w.lists()...)
	until := time.Now().Add(long)
	for time.Now().Before(until) {
		limiter.Accept()
		one := steps[w.random.Intn(len(steps))]
		name := ""
		if one.needs != "" {
			names := w.live[one.needs]
			if len(names) == 0 {
				continue
			}
			name = names[w.random.Intn(len(names))]
		}
		if w.errs.note(one.name+" "+name, one.do(ctx, name)) {
			w.done[one.name]++
		}
	}
}

func (w *Work) fresh(kind string) string {
	w.number++
	name := fmt.Sprintf("%s-%d", kind, w.number)
	w.live[kind] = append(w.live[kind], name)
	return name
}

func (w *Work) gone(kind, name string) {
	kept := w.live[kind][:0]
	for _, one := range w.live[kind] {
		if one != name {
			kept = append(kept, one)
		}
	}
	w.live[kind] = kept
}

func (w *Work) text() string { return fmt.Sprint(w.random.Intn(1000)) }

func (w *Work) configMaps() []step {
	api := w.clients.typed.CoreV1().ConfigMaps(w.namespace)
	return []step{
		{"create configmap", "", func(ctx context.Context, _ string) error {
			obj := &corev1.ConfigMap{
				ObjectMeta: metav1.ObjectMeta{Name: w.fresh("cm"), Labels: map[string]string{"made": "here"}},
				Data:       map[string]string{"a": w.text()},
				BinaryData: map[string][]byte{"b": {0, 255, 1}},
			}
			_, err := api.Create(ctx, obj, metav1.CreateOptions{})
			return err
		}},
		{"update configmap", "cm", func(ctx context.Context, name string) error {
			return retry.RetryOnConflict(retry.DefaultRetry, func() error {
				obj, err := api.Get(ctx, name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				if obj.Data == nil {
					obj.Data = map[string]string{}
				}
				obj.Data["a"] = w.text()
				_, err = api.Update(ctx, obj, metav1.UpdateOptions{})
				return err
			})
		}},
		{"merge-patch configmap", "cm", w.patchConfigMap(types.MergePatchType)},
		{"strategic-patch configmap", "cm", w.patchConfigMap(types.StrategicMergePatchType)},
		{"json-patch configmap", "cm", func(ctx context.Context, name string) error {
			body, _ := json.Marshal([]map[string]any{{"op": "add", "path": "/metadata/labels", "value": map[string]string{"made": w.text()}}})
			_, err := api.Patch(ctx, name, types.JSONPatchType, body, metav1.PatchOptions{})
			return err
		}},
		{"apply configmap", "cm", func(ctx context.Context, name string) error {
			wanted := coreapply.ConfigMap(name, w.namespace).WithData(map[string]string{"applied": w.text()})
			_, err := api.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "clientgo-apply", Force: true})
			return err
		}},
		{"delete configmap", "cm", func(ctx context.Context, name string) error {
			w.gone("cm", name)
			return api.Delete(ctx, name, metav1.DeleteOptions{})
		}},
		{"record event", "cm", func(ctx context.Context, name string) error {
			about := &corev1.ObjectReference{APIVersion: "v1", Kind: "ConfigMap", Namespace: w.namespace, Name: name}
			w.recorder.Event(about, corev1.EventTypeNormal, "Touched", "work on "+name)
			return nil
		}},
	}
}

func (w *Work) patchConfigMap(kind types.PatchType) func(context.Context, string) error {
	return func(ctx context.Context, name string) error {
		body, _ := json.Marshal(map[string]any{"data": map[string]any{"p" + w.text(): w.text(), "a": nil}})
		_, err := w.clients.typed.CoreV1().ConfigMaps(w.namespace).Patch(ctx, name, kind, body, metav1.PatchOptions{})
		return err
	}
}

func (w *Work) deployments() []step {
	api := w.clients.typed.AppsV1().Deployments(w.namespace)
	return []step{
		{"create deployment", "", func(ctx context.Context, _ string) error {
			if len(w.live["web"]) > 8 {
				return nil
			}
			name := w.fresh("web")
			labels := map[string]string{"app": name}
			replicas := int32(w.random.Intn(4))
			_, err := api.Create(ctx, &appsv1.Deployment{
				ObjectMeta: metav1.ObjectMeta{Name: name},
				Spec: appsv1.DeploymentSpec{
					Replicas: &replicas,
					Selector: &metav1.LabelSelector{MatchLabels: labels},
					Template: corev1.PodTemplateSpec{
						ObjectMeta: metav1.ObjectMeta{Labels: labels},
						Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "nginx:1"}}},
					},
				},
			}, metav1.CreateOptions{})
			return err
		}},
		{"scale deployment", "web", func(ctx context.Context, name string) error {
			return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
				scale, err := api.GetScale(ctx, name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				scale.Spec.Replicas = int32(w.random.Intn(5))
				_, err = api.UpdateScale(ctx, name, scale, metav1.UpdateOptions{})
				return err
			})
		}},
		{"roll deployment out", "web", func(ctx context.Context, name string) error {
			wanted := appsapply.Deployment(name, w.namespace).WithSpec(appsapply.DeploymentSpec().
				WithSelector(metaapply.LabelSelector().WithMatchLabels(map[string]string{"app": name})).
				WithTemplate(coreapply.PodTemplateSpec().WithLabels(map[string]string{"app": name}).WithSpec(
					coreapply.PodSpec().WithContainers(coreapply.Container().WithName("web").WithImage("nginx:" + w.text())))))
			_, err := api.Apply(ctx, wanted, metav1.ApplyOptions{FieldManager: "clientgo-apply", Force: true})
			return err
		}},
		{"delete deployment", "web", func(ctx context.Context, name string) error {
			w.gone("web", name)
			how := metav1.DeletePropagationForeground
			if w.random.Intn(2) == 0 {
				how = metav1.DeletePropagationBackground
			}
			return api.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &how})
		}},
	}
}

func (w *Work) widgets() []step {
	api := w.clients.dynamic.Resource(widgets).Namespace(w.namespace)
	made := func(name string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "clientgo.example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": name},
			"spec": map[string]any{"owner": w.text()},
		}}
	}
	return []step{
		{"create widget", "", func(ctx context.Context, _ string) error {
			obj, err := api.Create(ctx, made(w.fresh("widget")), metav1.CreateOptions{})
			if err == nil {
				if size, _, _ := unstructured.NestedInt64(obj.Object, "spec", "size"); size != 1 {
					return fmt.Errorf("the default of size is %d", size)
				}
			}
			return err
		}},
		{"update widget's status", "widget", func(ctx context.Context, name string) error {
			return retry.RetryOnConflict(retry.DefaultRetry, func() error {
				obj, err := api.Get(ctx, name, metav1.GetOptions{})
				if err != nil {
					return err
				}
				_ = unstructured.SetNestedField(obj.Object, w.text(), "status", "phase")
				_, err = api.UpdateStatus(ctx, obj, metav1.UpdateOptions{})
				return err
			})
		}},
		{"apply widget", "widget", func(ctx context.Context, name string) error {
			_, err := api.Apply(ctx, name, made(name), metav1.ApplyOptions{FieldManager: "clientgo-apply", Force: true})
			return err
		}},
		{"delete widget", "widget", func(ctx context.Context, name string) error {
			w.gone("widget", name)
			return api.Delete(ctx, name, metav1.DeleteOptions{})
		}},
	}
}

func (w *Work) lists() []step {
	return []step{
		{"page through configmaps", "", func(ctx context.Context, _ string) error {
			more, pages := "", 0
			for {
				page, err := w.clients.typed.CoreV1().ConfigMaps("").List(ctx, metav1.ListOptions{Limit: 3, Continue: more})
				if err != nil {
					return err
				}
				if pages++; page.Continue == "" || pages > 1000 {
					return nil
				}
				more = page.Continue
			}
		}},
		{"delete collection", "", func(ctx context.Context, _ string) error {
			if w.random.Intn(20) > 0 {
				return nil
			}
			w.live["cm"] = nil
			return w.clients.typed.CoreV1().ConfigMaps(w.namespace).DeleteCollection(
				ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name!=kube-root-ca.crt"})
		}},
	}
}
