package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/argoproj/argo-cd/v3/reposerver/apiclient"
	"github.com/argoproj/argo-cd/v3/reposerver/cache"
	"github.com/argoproj/argo-cd/v3/reposerver/metrics"
	"github.com/argoproj/argo-cd/v3/reposerver/repository"
	cacheutil "github.com/argoproj/argo-cd/v3/util/cache"
	"github.com/argoproj/argo-cd/v3/util/git"
	utilgrpc "github.com/argoproj/argo-cd/v3/util/grpc"
)

type request struct {
	Verb  string          `json:"verb"`
	Query json.RawMessage `json:"query"`
}

func main() {
	root := os.Args[1]
	c := cache.NewCache(cacheutil.NewCache(cacheutil.NewInMemoryCache(time.Hour)), time.Hour, time.Minute, 0)
	limit := resource.MustParse("10M")
	s := repository.NewService(metrics.NewMetricsServer(), c, repository.RepoServerInitConstants{
		PauseGenerationAfterFailedGenerationAttempts: 3, PauseGenerationOnFailureForMinutes: 60,
		SubmoduleEnabled: true, MaxCombinedDirectoryManifestsSize: limit, EnableBuiltinGitConfig: true,
	}, &git.NoopCredsStore{}, root)
	if err := s.Init(); err != nil {
		panic(err)
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<24)
	dec := json.NewDecoder(in)
	for {
		var r request
		if err := dec.Decode(&r); err != nil {
			return
		}
		sanitizer := utilgrpc.NewSanitizer()
		ctx := utilgrpc.ContextWithSanitizer(context.Background(), sanitizer)
		var res any
		var err error
		switch r.Verb {
		case "manifests":
			q := &apiclient.ManifestRequest{}
			if e := json.Unmarshal(r.Query, q); e != nil {
				panic(e)
			}
			res, err = s.GenerateManifest(ctx, q)
		case "directories":
			q := &apiclient.GitDirectoriesRequest{}
			_ = json.Unmarshal(r.Query, q)
			res, err = s.GetGitDirectories(ctx, q)
		case "files":
			q := &apiclient.GitFilesRequest{}
			_ = json.Unmarshal(r.Query, q)
			res, err = s.GetGitFiles(ctx, q)
		case "paths":
			q := &apiclient.UpdateRevisionForPathsRequest{}
			_ = json.Unmarshal(r.Query, q)
			res, err = s.UpdateRevisionForPaths(ctx, q)
		}
		out := map[string]any{"result": res}
		if err != nil {
			code, text := codes.Unknown, sanitizer.Replace(err.Error())
			if se, ok := err.(interface{ GRPCStatus() *status.Status }); ok {
				code, text = se.GRPCStatus().Code(), sanitizer.Replace(se.GRPCStatus().Message())
			}
			out = map[string]any{"error": fmt.Sprintf("rpc error: code = %s desc = %s", code, text)}
		}
		b, _ := json.Marshal(out)
		fmt.Println(string(b))
	}
}
