// What Kubernetes' own Go types make of protobuf bodies, as JSON lines for the tests of lab/sim/api/protobuf.
//
// "oracle kinds GROUPVERSION..." makes a body of every kind, once with every field filled and once with pointers to zero
// values only; "oracle decode" reads a base64 body a line. Built with "go build -mod=mod -o FILE .".
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sort"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/intstr"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
)

var count int

// fill sets every field; with zero set, pointers lead to zero values and everything else stays empty.
func fill(v reflect.Value, zero bool, depth map[reflect.Type]int, name string) {
	t := v.Type()
	count++
	switch t {
	case reflect.TypeOf(metav1.Time{}):
		if !zero {
			v.Set(reflect.ValueOf(metav1.Unix(1800000000+int64(count), 0)))
		}
		return
	case reflect.TypeOf(metav1.MicroTime{}):
		if !zero {
			v.Set(reflect.ValueOf(metav1.NewMicroTime(time.Unix(1800000000, int64(count)*1000))))
		}
		return
	case reflect.TypeOf(resource.Quantity{}):
		if !zero {
			v.Set(reflect.ValueOf(*resource.NewMilliQuantity(int64(count), resource.DecimalSI)))
		}
		return
	case reflect.TypeOf(intstr.IntOrString{}):
		if !zero && count%2 == 0 {
			v.Set(reflect.ValueOf(intstr.FromString(fmt.Sprintf("%d%%", count))))
		} else if !zero {
			v.Set(reflect.ValueOf(intstr.FromInt32(int32(count))))
		}
		return
	case reflect.TypeOf(metav1.Duration{}):
		v.Set(reflect.ValueOf(metav1.Duration{Duration: time.Duration(count) * 1234567890}))
		return
	case reflect.TypeOf(runtime.RawExtension{}):
		if !zero {
			v.Set(reflect.ValueOf(runtime.RawExtension{Raw: []byte(fmt.Sprintf(`{"raw":[%d]}`, count))}))
		}
		return
	case reflect.TypeOf(metav1.FieldsV1{}):
		v.Set(reflect.ValueOf(metav1.FieldsV1{Raw: []byte(fmt.Sprintf(`{"f:%d":{}}`, count))}))
		return
	case reflect.TypeOf(apiextensionsv1.JSON{}):
		v.Set(reflect.ValueOf(apiextensionsv1.JSON{Raw: []byte(fmt.Sprintf(`[%d]`, count))}))
		return
	case reflect.TypeOf(metav1.TypeMeta{}):
		return
	}
	if depth[t] > 1 {
		return
	}
	depth[t]++
	defer func() { depth[t]-- }()
	switch v.Kind() {
	case reflect.Pointer:
		if depth[t.Elem()] > 1 {
			return
		}
		v.Set(reflect.New(t.Elem()))
		fill(v.Elem(), zero, depth, name)
	case reflect.Struct:
		for i := 0; i < v.NumField(); i++ {
			if v.Field(i).CanSet() {
				fill(v.Field(i), zero, depth, t.Field(i).Name)
			}
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			if !zero {
				v.SetBytes([]byte{byte(count), 0, 255})
			}
			return
		}
		if zero || depth[t.Elem()] > 1 {
			return
		}
		v.Set(reflect.MakeSlice(t, 2, 2))
		fill(v.Index(0), false, depth, name)
		fill(v.Index(1), true, depth, name)
	case reflect.Map:
		if zero || depth[t.Elem()] > 1 {
			return
		}
		v.Set(reflect.MakeMap(t))
		for i, z := range []bool{false, true} {
			e := reflect.New(t.Elem()).Elem()
			fill(e, z, depth, name)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key%d", i)).Convert(t.Key()), e)
		}
	case reflect.String:
		if !zero {
			v.SetString(fmt.Sprintf("%s-%d", name, count))
		}
	case reflect.Bool:
		v.SetBool(!zero)
	case reflect.Int32, reflect.Int64:
		if !zero {
			v.SetInt(int64(count) * []int64{1, -1, 1000}[count%3])
		}
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		if !zero {
			v.SetUint(uint64(count))
		}
	case reflect.Float64:
		if !zero {
			v.SetFloat(float64(count) / 4)
		}
	}
}

type line struct {
	Kind       string          `json:"kind"`
	APIVersion string          `json:"apiVersion"`
	Body       string          `json:"body"`
	JSON       json.RawMessage `json:"json"`
}

// told is the body and the JSON of what the server holds after decoding it.
func told(serializer runtime.Serializer, body []byte) (*line, error) {
	obj, gvk, err := serializer.Decode(body, nil, nil)
	if err != nil {
		return nil, err
	}
	obj.GetObjectKind().SetGroupVersionKind(*gvk)
	text, err := json.Marshal(obj)
	if err != nil {
		return nil, err
	}
	return &line{gvk.Kind, gvk.GroupVersion().String(), base64.StdEncoding.EncodeToString(body), text}, nil
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	scheme := runtime.NewScheme()
	must(clientscheme.AddToScheme(scheme))
	must(apiextensionsv1.AddToScheme(scheme))
	serializer := protobuf.NewSerializer(scheme, scheme)
	out := json.NewEncoder(os.Stdout)
	if os.Args[1] == "decode" {
		in := bufio.NewScanner(os.Stdin)
		in.Buffer(nil, 1<<24)
		for in.Scan() {
			body, err := base64.StdEncoding.DecodeString(in.Text())
			must(err)
			one, err := told(serializer, body)
			must(err)
			must(out.Encode(one))
		}
		return
	}
	wanted := map[schema.GroupVersion]bool{}
	for _, arg := range os.Args[2:] {
		gv, err := schema.ParseGroupVersion(arg)
		must(err)
		wanted[gv] = true
	}
	kinds := []schema.GroupVersionKind{}
	for gvk, t := range scheme.AllKnownTypes() {
		_, listed := t.FieldByName("ListMeta")
		shared := t.PkgPath() == "k8s.io/apimachinery/pkg/apis/meta/v1" && gvk.Group != ""
		if wanted[gvk.GroupVersion()] && !listed && !shared && gvk.Kind != "WatchEvent" {
			kinds = append(kinds, gvk)
		}
	}
	sort.Slice(kinds, func(i, j int) bool { return kinds[i].String() < kinds[j].String() })
	for _, gvk := range kinds {
		for _, zero := range []bool{false, true} {
			obj, err := scheme.New(gvk)
			must(err)
			count = 0
			fill(reflect.ValueOf(obj).Elem(), zero, map[reflect.Type]int{}, "x")
			obj.GetObjectKind().SetGroupVersionKind(gvk)
			var body bytes.Buffer
			must(serializer.Encode(obj, &body))
			one, err := told(serializer, body.Bytes())
			must(err)
			must(out.Encode(one))
		}
	}
}
