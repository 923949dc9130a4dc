package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// Errors collects everything that went wrong, wherever client-go reports it.
type Errors struct {
	mutex sync.Mutex
	seen  []string
}

// watchErrors also takes what client-go only logs: warnings, errors and handled crashes.
func watchErrors() *Errors {
	errs := &Errors{}
	runtime.ErrorHandlers = []runtime.ErrorHandler{
		func(_ context.Context, err error, msg string, _ ...interface{}) {
			errs.add(fmt.Sprintf("handled: %s %v", msg, err))
		},
	}
	flags := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(flags)
	for name, value := range map[string]string{"logtostderr": "false", "stderrthreshold": "FATAL", "one_output": "true"} {
		if err := flags.Set(name, value); err != nil {
			panic(err)
		}
	}
	klog.SetOutput(errs)
	return errs
}

// Write takes a line of klog.
func (e *Errors) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if text != "" && (text[0] == 'E' || text[0] == 'W' || text[0] == 'F') {
		e.add("log: " + text)
	}
	return len(line), nil
}

func (e *Errors) add(text string) {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	e.seen = append(e.seen, text)
}

// note takes an error of something that should not fail.
func (e *Errors) note(what string, err error) bool {
	if err == nil {
		return true
	}
	if !errors.Is(err, context.Canceled) {
		e.add(fmt.Sprintf("%s: %v (%s)", what, err, apierrors.ReasonForError(err)))
	}
	return false
}

func (e *Errors) all() []string {
	e.mutex.Lock()
	defer e.mutex.Unlock()
	return append([]string{}, e.seen...)
}
