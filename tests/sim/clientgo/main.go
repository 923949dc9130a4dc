// A client-go program at work on a cluster: informers of every sort, writes of every sort, leader election.
//
// It prints one JSON object: how often each thing was done, every error, and how each informer's cache compares with a
// fresh list at the end. It ends with 1 when there was an error or a difference.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// Clients are the ways client-go talks to one cluster.
type Clients struct {
	typed    kubernetes.Interface
	dynamic  dynamic.Interface
	metadata metadata.Interface
	config   *rest.Config
	requests *Requests
}

func connect(kubeconfig string) (*Clients, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 200, 400
	config.UserAgent = "gitops-lab-clientgo"
	counted := &Requests{counts: map[string]int{}}
	config.Wrap(counted.wrap)
	binary := rest.CopyConfig(config)
	binary.ContentType = "application/vnd.kubernetes.protobuf"
	binary.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	typed, err := kubernetes.NewForConfig(binary)
	if err != nil {
		return nil, err
	}
	loose, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	slim, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Clients{typed, loose, slim, config, counted}, nil
}

// Report is what the program prints.
type Report struct {
	Seconds  float64            `json:"seconds"`
	Done     map[string]int     `json:"done"`
	Requests map[string]int     `json:"requests"`
	Errors   []string           `json:"errors"`
	Caches   map[string]Compare `json:"caches"`
	Leaders  []string           `json:"leaders"`
	Restarts int                `json:"relists"`
}

func main() {
	kubeconfig := flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "whom to talk to")
	seconds := flag.Int("seconds", 30, "how long to work")
	rate := flag.Float64("rate", 20, "writes a second")
	seed := flag.Int64("seed", 1, "for the choice of writes")
	namespace := flag.String("namespace", "clientgo", "made at the start, deleted at the end")
	flag.Parse()

	errs := watchErrors()
	clients, err := connect(*kubeconfig)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	began := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	if err := prepare(ctx, clients, *namespace); err != nil {
		fmt.Fprintln(os.Stderr, "prepare:", err)
		os.Exit(2)
	}
	lookAround(ctx, clients, errs)
	watched := startInformers(ctx, clients, errs)
	election := startElection(ctx, clients, *namespace, errs)
	work := newWork(clients, *namespace, *seed, errs)
	work.run(ctx, time.Duration(*seconds)*time.Second, *rate)
	leaders := election.handOver()

	report := Report{
		Done:     work.done,
		Caches:   watched.compare(ctx, errs),
		Leaders:  leaders,
		Restarts: watched.relists(),
	}
	cancel()
	clean(clients, *namespace, errs)
	time.Sleep(200 * time.Millisecond)
	report.Seconds = time.Since(began).Seconds()
	report.Requests = clients.requests.all()
	report.Errors = errs.all()
	out, _ := json.MarshalIndent(report, "", " ")
	fmt.Println(string(out))
	for _, one := range report.Caches {
		if !one.Equal {
			os.Exit(1)
		}
	}
	if len(report.Errors) > 0 {
		os.Exit(1)
	}
}

// clean deletes what prepare made and waits until it is gone.
func clean(clients *Clients, namespace string, errs *Errors) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	errs.note("delete definition", clients.dynamic.Resource(definitions).Delete(ctx, definitionName, metav1.DeleteOptions{}))
	errs.note("delete namespace", clients.typed.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}))
	for {
		_, err := clients.typed.CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return
		}
		if ctx.Err() != nil {
			errs.add("the namespace was not gone after 60 s")
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}
