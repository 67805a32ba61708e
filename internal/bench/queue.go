package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azqueue"
)

// A queue is that of the function content, by Microsoft's own client: what the Functions
// host sees of it.
type queue struct{ client *azqueue.QueueClient }

func openQueue(connection string) (*queue, error) {
	client, err := azqueue.NewQueueClientFromConnectionString(connection, "o365-content", nil)
	if err != nil {
		return nil, fmt.Errorf("open the queue: %w", err)
	}
	return &queue{client}, nil
}

// waiting is how many messages there are.
func (q *queue) waiting(ctx context.Context) (int, error) {
	p, err := q.client.GetProperties(ctx, nil)
	if err != nil {
		return 0, fmt.Errorf("look at the queue: %w", err)
	}
	return int(*p.ApproximateMessagesCount), nil
}

func (q *queue) take(ctx context.Context) ([]*azqueue.DequeuedMessage, error) {
	got, err := q.client.DequeueMessages(ctx, &azqueue.DequeueMessagesOptions{
		NumberOfMessages: new(int32(batchSize)), VisibilityTimeout: new(int32(hiddenFor.Seconds())),
	})
	if err != nil {
		return nil, fmt.Errorf("take messages: %w", err)
	}
	return got.Messages, nil
}

// trigger does what the Functions host does for a queue: it takes messages, runs the
// function for so many at a time, and deletes what succeeded.
func (h *host) trigger(ctx context.Context, q *queue) error {
	messages := make(chan *azqueue.DequeuedMessage)
	errs := make(chan error, 1)
	var workers sync.WaitGroup
	for range inFlight {
		workers.Go(func() {
			for m := range messages {
				if err := h.answer(ctx, q, m); err != nil && ctx.Err() == nil {
					select {
					case errs <- err:
					default: // the first one tells enough
					}
				}
			}
		})
	}
	defer workers.Wait()
	defer close(messages)
	for {
		taken, err := q.take(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		for _, m := range taken {
			select {
			case messages <- m:
			case err := <-errs:
				return err
			case <-ctx.Done():
				return nil
			}
		}
		if len(taken) == 0 {
			wait(ctx, quiet)
		}
	}
}

func (h *host) answer(ctx context.Context, q *queue, m *azqueue.DequeuedMessage) error {
	text, err := base64.StdEncoding.DecodeString(*m.MessageText)
	if err != nil {
		return fmt.Errorf("read a message as the host does: %w", err)
	}
	if err := h.run(ctx, "content", text); err != nil {
		return err
	}
	if _, err := q.client.DeleteMessage(ctx, *m.MessageID, *m.PopReceipt, nil); err != nil {
		return fmt.Errorf("delete a message: %w", err)
	}
	return nil
}

// wait returns early when ctx ends; who waits asks why.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
