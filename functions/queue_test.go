package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"azcollector/internal/collect"
	"azcollector/internal/state/azurite"
)

// A message that makes the function panic costs its own invocation: it is not
// forgotten, the others are, and the listener goes on.
func TestListenerOutlivesAPanic(t *testing.T) {
	t.Parallel()
	store := openStorage(t, azurite.Start(t))
	if err := store.CreateQueue(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	handled := make(chan string, 16)
	var working sync.WaitGroup
	ended := make(chan error, 1)
	go func() {
		ended <- listenToQueue(ctx, store, 1, &working, func(_ context.Context, payload []byte) error {
			key, err := collect.ReadMessage(payload)
			if err != nil {
				return err
			}
			handled <- key.Row
			switch key.Row {
			case "panics":
				panic("boom")
			case "fails":
				return errors.New("not this time")
			}
			return nil
		}, func(err error) {
			if err != nil {
				t.Errorf("the queue cannot be read: %v", err)
			}
		})
	}()
	for _, row := range []string{"panics", "fails", "works", "works-too"} {
		if err := store.Wake(t.Context(), collect.Key{Kind: "content", Partition: "p", Row: row}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := <-handled; got != row { // one after the other: each has outlived the one before
			t.Errorf("handled %q, want %q", got, row)
		}
	}
	soon(t, "what worked is forgotten, and only that", func() bool {
		n, err := store.Waiting(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n < 2 {
			t.Fatalf("%d messages are left, want those of the two that failed", n)
		}
		return n == 2
	})
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
	working.Wait()
}
