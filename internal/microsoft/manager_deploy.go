package microsoft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"azcollector/internal/collect"
)

const (
	// deployPatience is ours: a deployment of Flex Consumption takes some minutes.
	deployPatience = 20 * time.Minute
	// maxLooksFailed is ours too: how many looks at an operation may fail one behind
	// the other before it is given up as unknown.
	maxLooksFailed = 5
)

var errDeploying = fmt.Errorf("the deployment did not end within %v", deployPatience)

// OneDeploy makes the site run the package at an https address, which the platform
// fetches and which may hold a signature. It returns when the platform says that
// the deployment ended; the caller is killed before or soon after. A nil error says
// that the platform took the package, not that the new program works: where it tells
// nothing of the one deployment, it is asked for the site's latest. After an error
// that is temporary the deployment may have happened all the same.
func (m *Manager) OneDeploy(ctx context.Context, packageURI string) error {
	if err := m.deploy(ctx, packageURI); err != nil {
		return explain("deploy the package", err)
	}
	return nil
}

func (m *Manager) deploy(ctx context.Context, packageURI string) error {
	if u, err := url.Parse(packageURI); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return &collect.Fault{Verdict: collect.JudgesUs, Err: errors.New("the package's address must begin with https:// and hold no user info")}
	}
	own, err := m.address("extensions/onedeploy")
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{"properties": map[string]any{"packageUri": packageURI, "remoteBuild": false}})
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, deployPatience, errDeploying)
	defer cancel()
	r, err := m.ask(ctx, question{method: http.MethodPut, address: own, body: body})
	if err != nil {
		return err
	}
	return m.follow(ctx, own, r)
}

// uncoded takes the code out of a fault: it is the answer to a look, and says nothing of
// what was ordered before.
func uncoded(err error) error {
	if fault, ok := errors.AsType[*collect.Fault](err); ok {
		fault.Code = ""
	}
	return err
}

// follow looks at an asynchronous operation until it has ended (Microsoft Learn,
// "Track asynchronous Azure operations"). A look that fails tells nothing about the
// operation, so it is not the end of it.
func (m *Manager) follow(ctx context.Context, own *url.URL, r reply) error {
	state, err := r.state(false)
	if err != nil {
		return err
	}
	if ended(state) {
		return verdictOn(state, r)
	}
	watch, err := m.watch(own, r)
	if err != nil {
		return err
	}
	for pause, misses := r.pause(), 0; !ended(state); {
		if cause := m.wait(ctx, pause); cause != nil {
			return &collect.Fault{Err: fmt.Errorf("wait for its end: %w", cause)}
		}
		answer, err := m.ask(ctx, question{method: http.MethodGet, address: watch.address, operation: true})
		if err == nil {
			r, pause, misses = answer, answer.pause(), 0
			state, err = r.state(watch.status)
		} else if misses++; collect.VerdictOf(err) == collect.Temporary && misses < maxLooksFailed {
			pause, err = max(collect.RetryAfterOf(err), defaultPause), nil
		}
		if err != nil {
			return uncoded(explain("look how it goes", err))
		}
	}
	return verdictOn(state, r)
}
