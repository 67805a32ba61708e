package sim

import (
	"net/http"
	"time"
)

// Late is the fast mode's latency in front of one operation.
func Late(latency time.Duration, op string, next http.Handler) http.Handler {
	w := &World{o: Options{Latency: latency}}
	return w.late(func(*http.Request) string { return op }, next)
}
