package main

import (
	"net/http"
	"sync/atomic"

	"azcollector/internal/sim"
)

// A counter stands before the storage emulator and counts what it is asked. Every
// request is an operation that a storage account bills.
type counter struct {
	*sim.Storage
	asked atomic.Int64
}

// count puts a counter before an account; its Connection leads through it.
func count(connection string) (c *counter, err error) {
	c = &counter{}
	c.Storage, err = sim.Before(connection, func(_ func(*http.Request) string, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.asked.Add(1)
			next.ServeHTTP(w, r)
		})
	})
	return c, err
}

func (c *counter) operations() int64 {
	if c == nil {
		return 0
	}
	return c.asked.Load()
}
