package main

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Election is two candidates for one Lease; the second stands when the first leads.
type Election struct {
	mutex   sync.Mutex
	leaders []string
	stop    map[string]context.CancelFunc
	errs    *Errors
}

func startElection(ctx context.Context, clients *Clients, namespace string, errs *Errors) *Election {
	election := &Election{stop: map[string]context.CancelFunc{}, errs: errs}
	for _, name := range []string{"first", "second"} {
		own, cancel := context.WithCancel(ctx)
		election.stop[name] = cancel
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: &resourcelock.LeaseLock{
				LeaseMeta:  metav1.ObjectMeta{Name: "leader", Namespace: namespace},
				Client:     clients.typed.CoordinationV1(),
				LockConfig: resourcelock.ResourceLockConfig{Identity: name},
			},
			LeaseDuration:   6 * time.Second,
			RenewDeadline:   5 * time.Second,
			RetryPeriod:     time.Second,
			ReleaseOnCancel: true,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(context.Context) { election.lead(name) },
				OnStoppedLeading: func() {
					if own.Err() == nil {
						errs.add("lost the lease: " + name)
					}
				},
			},
		})
		if errs.note("elector", err) {
			go elector.Run(own)
		}
		if name == "first" {
			election.await(1, 10*time.Second)
		}
	}
	return election
}

// await waits until so many have come to lead.
func (e *Election) await(number int, long time.Duration) bool {
	for until := time.Now().Add(long); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		if len(e.seen()) >= number {
			return true
		}
	}
	return false
}

func (e *Election) lead(name string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.leaders = append(e.leaders, name)
}

func (e *Election) seen() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return append([]string{}, e.leaders...)
}

// handOver ends the leader, waits for the other to lead and says who led, in order.
func (e *Election) handOver() []string {
	leaders := e.seen()
	if len(leaders) != 1 {
		e.errs.add("not exactly one leader")
		return leaders
	}
	e.stop[leaders[0]]()
	if !e.await(2, 15*time.Second) {
		e.errs.add("nobody took over within 15 s")
	}
	return e.seen()
}
