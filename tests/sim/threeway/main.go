// Program threeway reads cases as JSON, one after the other, and prints the patch that kubectl would send for each.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes/scheme"
)

type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
}

type threeWay struct {
	Original json.RawMessage `json:"original"`
	Modified json.RawMessage `json:"modified"`
	Current  json.RawMessage `json:"current"`
}

func (c threeWay) patch() ([]byte, error) {
	var wanted object
	if err := json.Unmarshal(c.Modified, &wanted); err != nil {
		return nil, err
	}
	known, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(wanted.APIVersion, wanted.Kind))
	if err != nil {
		return jsonmergepatch.CreateThreeWayJSONMergePatch(c.Original, c.Modified, c.Current)
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(known)
	if err != nil {
		return nil, err
	}
	return strategicpatch.CreateThreeWayMergePatch(c.Original, c.Modified, c.Current, meta, true)
}

func main() {
	cases := json.NewDecoder(os.Stdin)
	answers := json.NewEncoder(os.Stdout)
	for {
		var one threeWay
		if err := cases.Decode(&one); err == io.EOF {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		answer := map[string]any{}
		if patch, err := one.patch(); err != nil {
			answer["error"] = err.Error()
		} else {
			answer["patch"] = json.RawMessage(patch)
		}
		if err := answers.Encode(answer); err != nil {
			os.Exit(1)
		}
	}
}
