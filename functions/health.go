package main

import (
	"net/http"
	"sync"

	"github.com/sirupsen/logrus"
)

// healthz answers in one word: what is wrong is for the log, not for strangers.
// It is logged when it changes, however often somebody asks.
func healthz(health func() error, log *logrus.Entry) http.Handler {
	var mu sync.Mutex
	var last string
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var now string
		if health != nil {
			if err := guard(health); err != nil {
				now = err.Error()
			}
		}
		mu.Lock()
		changed := now != last
		last = now
		mu.Unlock()
		switch {
		case changed && now == "":
			log.Info("healthy again")
		case changed:
			log.WithField("error", now).Warning("unhealthy")
		}
		if now != "" {
			answer(w, http.StatusServiceUnavailable, "unhealthy")
			return
		}
		answer(w, http.StatusOK, "ok")
	})
}
