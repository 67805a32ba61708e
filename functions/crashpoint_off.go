//go:build !crash

package main

import (
	"net/http"

	"azcollector/internal/collect"
)

// Only a build with the tag crash stops itself: see crashpoint.go.
func crashingStore(s collect.Store) collect.Store { return s }
func crashingClient(c *http.Client) *http.Client  { return c }
