package main

import (
	"net/http"
	"strings"
	"sync"
)

// Requests counts what is sent, by what tells one way of talking from another.
type Requests struct {
	mutex  sync.Mutex
	counts map[string]int
}

type counting struct {
	requests *Requests
	next     http.RoundTripper
}

func (r *Requests) wrap(next http.RoundTripper) http.RoundTripper { return &counting{r, next} }

// RoundTrip counts a request and the sort of its answer.
func (c *counting) RoundTrip(request *http.Request) (*http.Response, error) {
	query := request.URL.Query()
	switch {
	case query.Get("sendInitialEvents") == "true":
		c.requests.count("watch with initial events")
	case query.Has("watch"):
		c.requests.count("watch")
	case request.Method == http.MethodGet && query.Get("resourceVersion") == "0":
		c.requests.count("list for a cache")
	default:
		c.requests.count(request.Method)
	}
	if strings.Contains(request.Header.Get("Content-Type"), "protobuf") {
		c.requests.count("protobuf body")
	}
	response, err := c.next.RoundTrip(request)
	if err == nil && response.StatusCode >= 500 {
		c.requests.count("answers of 500 and more")
	}
	return response, err
}

func (r *Requests) count(what string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.counts[what]++
}

func (r *Requests) all() map[string]int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	made := map[string]int{}
	for what, number := range r.counts {
		made[what] = number
	}
	return made
}
