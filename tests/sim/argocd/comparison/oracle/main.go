// Answers what Argo CD finds of pairs of wanted and live objects, one JSON object a line: see record_diffs.py.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/argoproj/argo-cd/gitops-engine/v3/pkg/diff/testdata"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	argodiff "github.com/argoproj/argo-cd/v3/util/argo/diff"
	"github.com/argoproj/argo-cd/v3/util/argo/normalizers"
	openapi_v2 "github.com/google/gnostic-models/openapiv2"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/util/managedfields"
	openapiproto "k8s.io/kube-openapi/pkg/util/proto"
)

type request struct {
	Config     map[string]any                       `json:"target"`
	Live       map[string]any                       `json:"live"`
	Ignores    []v1alpha1.ResourceIgnoreDifferences `json:"ignores"`
	Overrides  map[string]v1alpha1.ResourceOverride `json:"overrides"`
	Aggregated bool                                 `json:"aggregated"`
	Tracking   string                               `json:"tracking"`
	Label      string                               `json:"label"`
	DryRun     json.RawMessage                      `json:"dry_run"`
	Webhooks   bool                                 `json:"webhooks"`
}

func un(m map[string]any) *unstructured.Unstructured {
	if m == nil {
		return nil
	}
	return &unstructured.Unstructured{Object: m}
}

func answer(line []byte) (out map[string]any) {
	defer func() {
		if r := recover(); r != nil {
			out = map[string]any{"panic": fmt.Sprint(r)}
		}
	}()
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return map[string]any{"bad": err.Error()}
	}
	dc, err := argodiff.NewDiffConfigBuilder().
		WithDiffSettings(r.Ignores, r.Overrides, r.Aggregated, normalizers.IgnoreNormalizerOpts{}).
		WithTracking(r.Label, r.Tracking).WithNoCache().WithManager("argocd-controller").WithGVKParser(parser).WithIgnoreMutationWebhook(!r.Webhooks).WithServerSideDiff(r.DryRun != nil).WithServerSideDryRunner(runner(r.DryRun)).Build()
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	d, err := argodiff.StateDiff(context.Background(), un(r.Live), un(r.Config), dc)
	if err != nil {
		return map[string]any{"error": err.Error()}
	}
	return map[string]any{"modified": d.Modified, "live": json.RawMessage(d.NormalizedLive), "predicted": json.RawMessage(d.PredictedLive)}
}

var parser *managedfields.GvkParser

type runner []byte

func (r runner) Run(ctx context.Context, obj *unstructured.Unstructured, manager string) (string, error) {
	return string(r), nil
}

func main() {
	document := &openapi_v2.Document{}
	if err := proto.Unmarshal(testdata.OpenAPIV2Doc, document); err != nil {
		panic(err)
	}
	models, err := openapiproto.NewOpenAPIData(document)
	if err != nil {
		panic(err)
	}
	if parser, err = managedfields.NewGVKParser(models, false); err != nil {
		panic(err)
	}

	in := bufio.NewScanner(os.Stdin)
	in.Buffer(make([]byte, 1<<20), 1<<26)
	w := bufio.NewWriter(os.Stdout)
	defer w.Flush()
	for in.Scan() {
		b, _ := json.Marshal(answer(in.Bytes()))
		w.Write(b)
		w.WriteString("\n")
	}
}
